// Candles, with what Jarvis did there: entries, exits, and the orders that rest as protection; with them the curves that
// the followed strategy looks at, as the server computed them by the strategy's own code.

import {
  CandlestickSeries,
  ColorType,
  LineSeries,
  LineStyle,
  createChart,
  createSeriesMarkers,
} from "../vendor/lightweight-charts.js";
import { Asker, colour, say, whenSchemeChanges } from "./ask.js";

const REFRESH_MS = 2000;
const STALE_MS = 90_000;
const STYLES = [LineStyle.Solid, LineStyle.Dashed, LineStyle.Dotted, LineStyle.LargeDashed];
const PROTECTION = {
  stop: { colour: "loss", style: LineStyle.Solid, title: "stop" },
  take_profit: { colour: "gain", style: LineStyle.Dashed, title: "target" },
  liquidation: { colour: "warn", style: LineStyle.LargeDashed, title: "liquidation" },
};

export class CandleChart {
  #asker = new Asker();
  #chart = null;
  #series = null;
  #markers = null;
  #lines = [];
  #protection = [];
  #curves = [];
  #bars = [];
  #last = "";
  #lastAt = Date.now();
  #shown = "";
  #timer = null;
  #answer = null;

  constructor(element, address, pair, interval) {
    this.element = element;
    this.address = address;
    this.pair = pair;
    this.interval = interval;
    this.legend = document.getElementById("chart-legend");
    this.staleBadge = document.getElementById("chart-stale");
    for (const picker of [pair, interval]) {
      const key = `jarvis-chart-${picker.dataset.keep}`;
      const kept = sessionStorage.getItem(key);
      if ([...picker.options].some((option) => option.value === kept)) picker.value = kept;
      picker.addEventListener("change", () => {
        sessionStorage.setItem(key, picker.value);
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#ask();
      });
    }
    setInterval(() => this.#sayStale(), 5000);
    whenSchemeChanges(() => {
      this.#chart?.applyOptions(this.#options());
      if (this.#answer) this.#draw(this.#answer, this.#shown);
    });
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

  /** Old candles look old: the server says so, or nothing has moved for a while. */
  #sayStale() {
    const isStale = this.#answer !== null && (this.#answer.stale || Date.now() - this.#lastAt > STALE_MS);
    this.staleBadge.hidden = !isStale;
    this.element.classList.toggle("is-stale", isStale);
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

  #draw(answer, shown) {
    const { bars, fills, protection, liquidation, lines, tick, places } = answer;
    this.#answer = answer;
    this.#noteMovement(bars, shown);
    if (bars.length === 0) {
      say(this.element, "No candles of this pair yet. They appear once the market feed has finished its first bar.");
      this.#series?.setData([]);
      for (const curve of this.#curves) curve.series.setData([]);
      this.legend.textContent = "";
      return;
    }
    say(this.element, null);
    this.#protection = protection;
    this.#bars = bars;
    this.#open();
    const [gain, loss] = [colour("gain"), colour("loss")];
    const priceFormat = { type: "price", precision: places, minMove: tick };
    this.#series.applyOptions({
      upColor: gain,
      wickUpColor: gain,
      borderUpColor: gain,
      downColor: loss,
      wickDownColor: loss,
      borderDownColor: loss,
      priceFormat,
    });
    this.#series.setData(
      bars.map(([time, open, high, low, close]) => ({ time, open: +open, high: +high, low: +low, close: +close })),
    );
    this.#drawCurves(lines, priceFormat);
    this.#markers.setMarkers(
      fills.map((fill) => ({
        time: fill.time,
        position: fill.side === "buy" ? "belowBar" : "aboveBar",
        shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
        color: colour(fill.entry ? "accent" : "ink-soft"),
        text: fill.entry ? "in" : "out",
      })),
    );
    this.#drawLevels([...protection, ...liquidation.map((price) => ({ role: "liquidation", price }))]);
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#chart.timeScale().setVisibleLogicalRange({ from: bars.length - 120, to: bars.length + 6 });
    }
    this.#tell(bars.length - 1);
  }

  /** Remember when the last candle changed: a chart in which nothing moves is stale. */
  #noteMovement(bars, shown) {
    const last = `${shown} ${bars.at(-1)}`;
    if (last !== this.#last) {
      this.#last = last;
      this.#lastAt = Date.now();
    }
    this.#sayStale();
  }

  #open() {
    if (this.#chart) return;
    this.#chart = createChart(this.element, this.#options());
    this.#series = this.#chart.addSeries(CandlestickSeries, {
      autoscaleInfoProvider: (original) => this.#withProtection(original()),
    });
    this.#markers = createSeriesMarkers(this.#series, []);
    this.#chart.subscribeCrosshairMove((moved) => {
      const index = moved.time === undefined ? -1 : this.#bars.findIndex(([time]) => time === moved.time);
      this.#tell(index < 0 ? this.#bars.length - 1 : index);
    });
  }

  /** One series per curve, used again and again: the number of them follows the strategy, not the refreshes. */
  #drawCurves(lines, priceFormat) {
    while (this.#curves.length > lines.length) this.#chart.removeSeries(this.#curves.pop().series);
    lines.forEach(({ name, points }, number) => {
      const options = {
        color: colour(`curve-${(number % 4) + 1}`),
        lineStyle: STYLES[number % STYLES.length],
        lineWidth: 1,
        priceLineVisible: false,
        lastValueVisible: false,
        crosshairMarkerVisible: false,
        priceFormat,
        autoscaleInfoProvider: () => null,
      };
      this.#curves[number] ??= { series: this.#chart.addSeries(LineSeries, options) };
      const curve = this.#curves[number];
      curve.series.applyOptions(options);
      curve.name = name;
      curve.values = new Map(points);
      curve.series.setData(points.map(([time, value]) => ({ time, value })));
    });
  }

  #drawLevels(levels) {
    for (const line of this.#lines) this.#series.removePriceLine(line);
    this.#lines = levels.map(({ role, price }) =>
      this.#series.createPriceLine({
        price: +price,
        color: colour(PROTECTION[role].colour),
        lineWidth: 1,
        lineStyle: PROTECTION[role].style,
        axisLabelVisible: true,
        title: PROTECTION[role].title,
      }),
    );
  }

  /** Put the values of one candle, and of the curves there, above the chart. */
  #tell(index) {
    const bar = this.#bars[index];
    if (!bar) return;
    const [time, open, high, low, close, volume] = bar;
    const [base, quote] = this.pair.value.split("/");
    const at = `${new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
    const said = [["", at], ["O", open], ["H", high], ["L", low], ["C", `${close} ${quote}`], ["V", `${+volume} ${base}`]];
    const curves = this.#curves.map(({ name, values }, number) => {
      const known = [...values.keys()].filter((each) => each <= time).at(-1);
      return [name, known === undefined ? "not known yet" : `${values.get(known)} ${quote}`, number + 1];
    });
    this.legend.replaceChildren(
      ...[...said, ...curves].map(([name, value, number]) => {
        const item = document.createElement("span");
        if (number) item.className = `curve curve-${number}`;
        const label = document.createElement("span");
        label.className = "quiet";
        label.textContent = name;
        item.append(label, name ? " " : "", value);
        return item;
      }),
    );
  }
}
