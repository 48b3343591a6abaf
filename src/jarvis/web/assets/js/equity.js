// The equity curve, and below it how far it lay below its own peak.

import uPlot from "../vendor/uplot.js";
import { Asker, colour, say, whenSchemeChanges } from "./ask.js";

const REFRESH_MS = 3000;
const A_DAY = 86_400;
const KEPT = "jarvis-reach";

/** A tick of the time axis: the hour within a day, the date from a day on. */
function timeLabel(seconds, step) {
  const text = new Date(seconds * 1000).toISOString();
  return step >= A_DAY || seconds % A_DAY === 0 ? text.slice(5, 10) : text.slice(11, 16);
}

/** A share of one as a percentage. */
function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}

export class EquityChart {
  #asker = new Asker();
  #plot = null;
  #data = null;
  #timer = null;
  #reach = "all";

  constructor(element, address, unit) {
    this.element = element;
    this.address = address;
    this.unit = unit;
    this.said = document.getElementById("equity-said");
    this.number = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    this.buttons = [...document.querySelectorAll(".range[data-reach]")];
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.#choose(button.dataset.reach));
    }
    const kept = sessionStorage.getItem(KEPT);
    if (this.buttons.some((button) => button.dataset.reach === kept)) this.#press(kept);
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

  #press(reach) {
    this.#reach = reach;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.reach === reach));
  }

  #choose(reach) {
    sessionStorage.setItem(KEPT, reach);
    this.#press(reach);
    this.#ask();
  }

  #ask() {
    this.#asker.ask(
      `${this.address}?reach=${this.#reach}`,
      ({ at, equity, below_peak: below, largest, now, change }) => {
        this.#data = [at, equity.map(Number), below.map((share) => -100 * share)];
        this.#tell(largest, now, change);
        if (at.length < 2) {
          this.#plot?.destroy();
          this.#plot = null;
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

  #tell(largest, now, change) {
    if (change === null) {
      this.said.textContent = "";
      return;
    }
    const value = Number(change);
    const sign = value < 0 ? "\u2212" : value > 0 ? "+" : "";
    this.said.textContent =
      `${sign}${this.number.format(Math.abs(value))} ${this.unit} over what is drawn, what was paid in or out left aside. ` +
      `Largest fall from a peak ${percent(largest)}, now ${percent(now)} below it.`;
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
        scales: {
          y: { range: (_, low, high) => [low - (high - low || high || 1) * 0.55, high + (high - low || high || 1) * 0.05] },
          fall: { range: (_, low) => [Math.min(low, -0.1), Math.min(low, -0.1) * -3.2] },
        },
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
            points: { show: false },
          },
          {
            label: "Below its peak",
            scale: "fall",
            stroke: colour("loss"),
            width: 1,
            fill: `color-mix(in srgb, ${colour("loss")} 14%, transparent)`,
            fillTo: 0,
            points: { show: false },
          },
        ],
      },
      this.#data,
      this.element,
    );
  }
}
