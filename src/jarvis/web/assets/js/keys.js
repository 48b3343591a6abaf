// Single keys, for hands that stay on the keyboard. Never inside a field, never with a modifier, and they can be
// switched off: screen readers and voice control use single keys themselves (WCAG 2.1, 2.1.4).

const KEPT = "jarvis-keys";

const sheet = document.getElementById("keys");

function on() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true; // a browser that keeps nothing begins anew with every page
  }
}

function switchTo(wanted) {
  try {
    localStorage.setItem(KEPT, wanted ? "on" : "off");
  } catch {
    // then it holds for as long as the page is open
  }
}

/** Whether somebody is typing, or in something that takes keys itself. */
function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  return event.target.closest("input, textarea, select, [contenteditable], [role=textbox], [role=listbox]") !== null;
}

/** Put the focus on the next position's own link, or the one before. */
function step(by) {
  const links = [...document.querySelectorAll("[data-position] a[href*='/positions/']")].filter(
    (link, index, all) => all.findIndex((other) => other.closest("[data-position]") === link.closest("[data-position]")) === index,
  );
  if (links.length === 0) return;
  const here = links.findIndex((link) => link.closest("[data-position]").contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : (here + by + links.length) % links.length;
  links[next].focus();
  links[next].closest("[data-position]").scrollIntoView({ block: "nearest" });
}

const DEEDS = {
  // To pause takes risk away. To let entries go on again wants a look and a press.
  p: () => document.querySelector(".controls-buttons form[action$='/pause'] button")?.click(),
  f: () => document.querySelector(".controls-buttons a[href$='/flatten']")?.click(),
  j: () => step(1),
  k: () => step(-1),
  w: () => document.getElementById("whatif-move")?.focus(),
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => sheet?.showModal(),
};

/** Begin to listen. */
export function listenForKeys() {
  const box = document.getElementById("keys-on");
  let listening = on();
  if (box) {
    box.checked = listening;
    box.addEventListener("change", () => {
      listening = box.checked;
      switchTo(listening);
    });
  }
  // Nothing of a closed sheet keeps the focus: a key would be taken for one that is typed into it.
  sheet?.addEventListener("close", () => sheet.contains(document.activeElement) && document.activeElement.blur());
  document.getElementById("keys-open")?.addEventListener("click", () => sheet?.showModal());
  document.addEventListener("keydown", (event) => {
    const deed = DEEDS[event.key];
    // The sheet opens always: it is where the keys are switched on again.
    if (!deed || isTaken(event) || (!listening && event.key !== "?")) return;
    event.preventDefault();
    deed();
  });
}
