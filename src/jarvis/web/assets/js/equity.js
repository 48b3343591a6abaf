// The equity curve.

import uPlot from "../vendor/uplot.js";
import { Asker, colour, say, whenSchemeChanges } from "./ask.js";

const REFRESH_MS = 3000;
const A_DAY = 86_400;

/** A tick of the time axis: the hour within a day, the date from a day on. */
function timeLabel(seconds, step) {
  const text = new Date(seconds * 1000).toISOString();
  return step >= A_DAY || seconds % A_DAY === 0 ? text.slice(5, 10) : text.slice(11, 16);
}

export class EquityChart {
  #asker = new Asker();
  #plot = null;
  #data = null;
  #timer = null;

  constructor(element, address, unit) {
    this.element = element;
    this.address = address;
    this.unit = unit;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(element);
    whenSchemeChanges(() => this.#draw());
  }

  /** Ask for the curve again, at most every three seconds. */
  refresh() {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ask();
    }, this.#data ? REFRESH_MS : 0);
  }

  #ask() {
    this.#asker.ask(
      this.address,
      ({ at, equity }) => {
        this.#data = [at, equity.map(Number)];
        if (at.length < 2) {
          say(this.element, "The curve begins with the first two readings.");
        } else if (this.#plot) {
          this.#plot.setData(this.#data);
        } else {
          this.#draw();
        }
      },
      () => say(this.element, this.#plot ? null : "The curve could not be read. It is asked for again soon."),
    );
  }

  #size() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  #draw() {
    if (!this.#data || this.#data[0].length < 2) return;
    this.#plot?.destroy();
    say(this.element, null);
    const axis = {
      stroke: colour("ink-faint"),
      grid: { stroke: colour("chart-grid"), width: 1 },
      ticks: { show: false },
      font: "12px ui-sans-serif, system-ui, sans-serif",
    };
    const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
    this.#plot = new uPlot(
      {
        ...this.#size(),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        cursor: { y: false, points: { size: 7 } },
        legend: { show: false },
        padding: [8, 8, 0, 0],
        axes: [
          { ...axis, space: 60, values: (_, ticks, __, ___, step) => ticks.map((tick) => timeLabel(tick, step)) },
          { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => number.format(tick)) },
        ],
        series: [
          {},
          {
            label: "Equity",
            stroke: colour("chart-1"),
            width: 2,
            fill: `color-mix(in srgb, ${colour("chart-1")} 9%, transparent)`,
            points: { show: false },
          },
        ],
      },
      this.#data,
      this.element,
    );
  }
}
