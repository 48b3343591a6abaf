// The desk's moving parts: the stream of changes, and on one account's desk the equity curve and the candle chart.
// Every number on the page comes from the server; this file only asks for pieces again and draws.

import { listenForKeys } from "./keys.js";
import { wireSlider } from "./whatif.js";

const SILENT_AFTER_MS = 20_000;
const QUIET_AFTER_MS = 180_000;
const AGAIN_MS = 5000;
const FAILED_FOR_MS = 6000;

wireSlider();
listenForKeys();

const desk = document.getElementById("desk");
const linkState = document.getElementById("link-state");
const charts = desk.dataset.account ? await openCharts(`/desk/${encodeURIComponent(desk.dataset.account)}`) : null;
let heardAt = Date.now();
let changedAt = Date.now();
let since = desk.dataset.since;
let failedAt = -Infinity;
const unread = new Set();

/** The two charts of one account; their libraries are loaded where there is something to draw. */
async function openCharts(address) {
  const [{ EquityChart }, { CandleChart }] = await Promise.all([import("./equity.js"), import("./candles.js")]);
  return {
    equity: new EquityChart(document.getElementById("equity-chart"), `${address}/equity.json`, desk.dataset.quote),
    candles: new CandleChart(
      document.getElementById("candle-chart"),
      `${address}/candles.json`,
      document.getElementById("chart-pair"),
      document.getElementById("chart-interval"),
    ),
  };
}

function heard() {
  heardAt = Date.now();
}

/** A piece that could not be fetched is asked for again: the stream tells each change once, and will not repeat it. */
function noteUnread(event) {
  const piece = event.target.closest?.("[hx-get]");
  if (!piece) return;
  failedAt = Date.now();
  unread.add(piece);
}

function askAgain() {
  if (unread.size === 0 || Date.now() - heardAt > SILENT_AFTER_MS) return;
  const pieces = [...unread];
  unread.clear();
  for (const piece of pieces) {
    const kind = /live-(\w+)/.exec(piece.getAttribute("hx-trigger"))?.[1];
    if (kind && piece.isConnected) document.body.dispatchEvent(new CustomEvent(`live-${kind}`));
  }
  charts?.equity.refresh();
  charts?.candles.refresh();
}

function sayHowFresh() {
  const lost = Date.now() - heardAt > SILENT_AFTER_MS;
  const quiet = Date.now() - changedAt > QUIET_AFTER_MS;
  const failed = Date.now() - failedAt < FAILED_FOR_MS;
  linkState.hidden = !(lost || quiet || failed);
  document.body.classList.toggle("is-stale", lost);
  if (linkState.hidden) return;
  if (!lost && failed) {
    linkState.textContent = linkState.dataset.failed;
    return;
  }
  const time = new Date(lost ? heardAt : changedAt).toISOString().slice(11, 19);
  linkState.textContent = (lost ? linkState.dataset.lost : linkState.dataset.quiet).replace("{time}", `${time} UTC`);
}

function follow() {
  const stream = new EventSource(`${desk.dataset.stream}?since=${encodeURIComponent(since)}`);
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
    if (kinds.includes("equity")) charts?.equity.refresh();
    if (kinds.some((kind) => ["equity", "order", "fill", "position"].includes(kind))) charts?.candles.refresh();
  });
  stream.addEventListener("error", () => {
    // The browser tries again by itself, and says what it heard last, unless the server refused for good.
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
}

document.body.addEventListener("htmx:error", noteUnread);
document.body.addEventListener("htmx:response:error", noteUnread);
setInterval(() => {
  sayHowFresh();
  askAgain();
}, 2000);

follow();
charts?.equity.refresh();
charts?.candles.refresh();
