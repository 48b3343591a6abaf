// Sheets that unfold from the bar close as menus do: by Escape, by a click elsewhere, when the focus goes on. Without
// this file they open and close by their own buttons. Parts of a page are made anew, so the page itself listens.

const SHEETS = "details.menu[open], details.switch[open]";

/** Close every sheet that this is not a part of. */
function leave(target) {
  for (const sheet of document.querySelectorAll(SHEETS)) {
    if (!sheet.contains(target)) sheet.open = false;
  }
}

document.addEventListener("click", (event) => leave(event.target));
document.addEventListener("focusin", (event) => leave(event.target));
document.addEventListener("keydown", (event) => {
  const sheet = event.key === "Escape" && document.querySelector(SHEETS);
  if (!sheet) return;
  const within = sheet.contains(document.activeElement);
  sheet.open = false;
  if (within) sheet.querySelector("summary").focus();
});
