// Candles, with what Jarvis did there: entries, exits, and the orders that rest as protection.

import {
  CandlestickSeries,
  ColorType,
  LineStyle,
  createChart,
  createSeriesMarkers,
} from "../vendor/lightweight-charts.js";
import { Asker, colour, say, whenSchemeChanges } from "./ask.js";

const REFRESH_MS = 2000;

export class CandleChart {
  #asker = new Asker();
  #chart = null;
  #series = null;
  #markers = null;
  #lines = [];
  #protection = [];
  #shown = "";
  #timer = null;

  constructor(element, address, pair, interval) {
    this.element = element;
    this.address = address;
    this.pair = pair;
    this.interval = interval;
    for (const picker of [pair, interval]) {
      picker.addEventListener("change", () => {
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#ask();
      });
    }
    whenSchemeChanges(() => this.#chart?.applyOptions(this.#options()));
  }

  /** Ask for the candles again, at most every two seconds. */
  refresh() {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ask();
    }, this.#chart ? REFRESH_MS : 0);
  }

  #ask() {
    const wish = new URLSearchParams({ pair: this.pair.value, interval: this.interval.value });
    this.#asker.ask(
      `${this.address}?${wish}`,
      (answer) => this.#draw(answer, wish.toString()),
      () => say(this.element, this.#chart ? null : "The candles could not be read. They are asked for again soon."),
    );
  }

  #options() {
    return {
      autoSize: true,
      layout: {
        attributionLogo: false,
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: colour("ink-faint"),
        fontFamily: "ui-sans-serif, system-ui, sans-serif",
      },
      grid: { vertLines: { color: colour("chart-grid") }, horzLines: { color: colour("chart-grid") } },
      rightPriceScale: { borderColor: colour("line") },
      timeScale: { borderColor: colour("line"), timeVisible: true, secondsVisible: false },
    };
  }

  // Stops and targets belong into the picture unless they lie so far away that the candles would become a line.
  #withProtection(info) {
    if (info === null || info.priceRange === null) return info;
    let { minValue, maxValue } = info.priceRange;
    const reach = 2 * (maxValue - minValue);
    for (const order of this.#protection) {
      const price = +order.price;
      if (price > minValue - reach && price < maxValue + reach) {
        minValue = Math.min(minValue, price);
        maxValue = Math.max(maxValue, price);
      }
    }
    return { ...info, priceRange: { minValue, maxValue } };
  }

  #draw({ bars, fills, protection, tick, places }, shown) {
    if (bars.length === 0) {
      say(this.element, "No candles of this pair yet. They appear once the market feed has finished its first bar.");
      this.#series?.setData([]);
      return;
    }
    say(this.element, null);
    this.#protection = protection;
    if (!this.#chart) {
      this.#chart = createChart(this.element, this.#options());
      this.#series = this.#chart.addSeries(CandlestickSeries, {
        autoscaleInfoProvider: (original) => this.#withProtection(original()),
      });
      this.#markers = createSeriesMarkers(this.#series, []);
    }
    const [gain, loss] = [colour("gain"), colour("loss")];
    this.#series.applyOptions({
      upColor: gain,
      wickUpColor: gain,
      borderUpColor: gain,
      downColor: loss,
      wickDownColor: loss,
      borderDownColor: loss,
      priceFormat: { type: "price", precision: places, minMove: tick },
    });
    this.#series.setData(
      bars.map(([time, open, high, low, close]) => ({ time, open: +open, high: +high, low: +low, close: +close })),
    );
    this.#markers.setMarkers(
      fills.map((fill) => ({
        time: fill.time,
        position: fill.side === "buy" ? "belowBar" : "aboveBar",
        shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
        color: colour(fill.entry ? "accent" : "ink-soft"),
        text: fill.entry ? "in" : "out",
      })),
    );
    for (const line of this.#lines) this.#series.removePriceLine(line);
    this.#lines = protection.map((order) =>
      this.#series.createPriceLine({
        price: +order.price,
        color: colour(order.role === "stop" ? "loss" : "gain"),
        lineWidth: 1,
        lineStyle: order.role === "stop" ? LineStyle.Solid : LineStyle.Dashed,
        axisLabelVisible: true,
        title: order.role === "stop" ? "stop" : "target",
      }),
    );
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - 120, to: bars.length + 6 });
    }
  }
}
