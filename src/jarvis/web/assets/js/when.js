// Times in the zone of whoever reads. The page says every instant in UTC; this file rewrites what is shown, leaves UTC
// in the title, and does the same with every piece that is swapped in. A choice of UTC is kept by the browser.

const KEPT = "jarvis-times";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const parts = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
let inUtc = chosen();

function chosen() {
  try {
    return localStorage.getItem(KEPT) === "utc";
  } catch {
    return false; // a browser that keeps nothing shows its own zone
  }
}

function keep() {
  try {
    localStorage.setItem(KEPT, inUtc ? "utc" : "local");
  } catch {
    // the choice lasts as long as the page
  }
}

/** What to show for an element: the text and the zone that it is in; null for what is no instant of ours. */
function shownFor(element) {
  if (!element.title.endsWith(" UTC")) return null;
  if (inUtc) return [element.title.slice(0, -4), "UTC"];
  const instant = new Date(element.dateTime);
  if (Number.isNaN(instant.getTime())) return null;
  const found = Object.fromEntries(parts.formatToParts(instant).map((part) => [part.type, part.value]));
  const month = MONTHS[Number(found.month) - 1];
  return [
    `${Number(found.day)} ${month} ${found.year}, ${found.hour}:${found.minute}:${found.second}`,
    found.timeZoneName,
  ];
}

function rewrite(element) {
  const shown = shownFor(element);
  const unit = element.querySelector(".unit");
  if (!shown || !unit) return;
  const [text, name] = shown;
  // Written only when it differs: what this file writes is a change that it is told of itself.
  if (element.firstChild.data !== text) element.firstChild.data = text;
  if (unit.textContent !== name) unit.textContent = name;
}

function rewriteAll(root) {
  for (const element of root.querySelectorAll("time[title]")) rewrite(element);
}

/** The line in the footer that says which zone is shown and changes it. */
function offer() {
  const button = document.getElementById("zone");
  if (!button) return;
  const say = () => {
    button.textContent = inUtc ? `Times in UTC. Show ${zone}` : `Times in ${zone}. Show UTC`;
  };
  button.addEventListener("click", () => {
    inUtc = !inUtc;
    keep();
    say();
    rewriteAll(document);
  });
  button.hidden = zone === "UTC";
  say();
}

const watcher = new MutationObserver((changes) => {
  const touched = new Set();
  for (const change of changes) {
    const target = change.target.nodeType === Node.TEXT_NODE ? change.target.parentElement : change.target;
    const time = target?.closest("time[title]");
    if (time) touched.add(time);
    for (const node of change.addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (node.matches("time[title]")) touched.add(node);
      for (const inner of node.querySelectorAll("time[title]")) touched.add(inner);
    }
  }
  for (const element of touched) rewrite(element);
});

rewriteAll(document);
offer();
watcher.observe(document.body, { childList: true, subtree: true, characterData: true });
