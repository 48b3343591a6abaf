// The slider of "what if": the number beside it follows the hand; the answer is the server's and comes by htmx.

/** Make the slider say its number, and take away the button that is there for pages without a script. */
export function wireSlider() {
  const slider = document.getElementById("whatif-move");
  const number = document.getElementById("whatif-number");
  if (!slider || !number) return;
  document.querySelector("#whatif-form button").hidden = true;
  const say = () => {
    const move = Number(slider.value);
    const text = `${move < 0 ? "\u2212" : move > 0 ? "+" : ""}${Math.abs(move)} %`;
    number.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  };
  slider.addEventListener("input", say);
  say();
}
