// The desk's moving parts: the stream of changes, the equity curve and the candle chart.
// Every number on the page comes from the server; this file only asks for pieces again and draws.

import { EquityChart } from "./equity.js";
import { CandleChart } from "./candles.js";

const SILENT_AFTER_MS = 20_000;
const QUIET_AFTER_MS = 180_000;

const desk = document.getElementById("desk");
const address = `/desk/${encodeURIComponent(desk.dataset.account)}`;
const equity = new EquityChart(document.getElementById("equity-chart"), `${address}/equity.json`, desk.dataset.quote);
const candles = new CandleChart(
  document.getElementById("candle-chart"),
  `${address}/candles.json`,
  document.getElementById("chart-pair"),
  document.getElementById("chart-interval"),
);

const linkState = document.getElementById("link-state");
let heardAt = Date.now();
let changedAt = Date.now();

function heard() {
  heardAt = Date.now();
}

function sayHowFresh() {
  const lost = Date.now() - heardAt > SILENT_AFTER_MS;
  const quiet = Date.now() - changedAt > QUIET_AFTER_MS;
  linkState.hidden = !(lost || quiet);
  if (linkState.hidden) return;
  const time = new Date(lost ? heardAt : changedAt).toISOString().slice(11, 19);
  linkState.textContent = (lost ? linkState.dataset.lost : linkState.dataset.quiet).replace("{time}", `${time} UTC`);
}

let since = desk.dataset.since;

function follow() {
  const stream = new EventSource(`${address}/events?since=${encodeURIComponent(since)}`);
  stream.addEventListener("open", heard);
  stream.addEventListener("still-here", heard);
  stream.addEventListener("signed-out", () => {
    stream.close();
    window.location.assign("/sign-in");
  });
  stream.addEventListener("change", (event) => {
    heard();
    changedAt = Date.now();
    since = event.lastEventId;
    const kinds = JSON.parse(event.data);
    for (const kind of kinds) {
      document.body.dispatchEvent(new CustomEvent(`live-${kind}`));
    }
    if (kinds.includes("equity")) equity.refresh();
    if (kinds.some((kind) => ["equity", "order", "fill", "position"].includes(kind))) candles.refresh();
  });
  stream.addEventListener("error", () => {
    // The browser tries again by itself unless the server refused for good.
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  });
}

setInterval(sayHowFresh, 2000);

follow();
equity.refresh();
candles.refresh();
