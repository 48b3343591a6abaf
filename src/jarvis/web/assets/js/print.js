// A button that opens the browser's own way to print; without this file, its menu does the same.

const button = document.getElementById("print");

if (button) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
