// Asking the server for JSON, at most one question at a time per asker, the last one always answered.

export class Asker {
  #busy = false;
  #again = null;

  /** Fetch `address` and hand the answer to `use`; `fail` is called when there was none. */
  async ask(address, use, fail) {
    if (this.#busy) {
      this.#again = () => this.ask(address, use, fail);
      return;
    }
    this.#busy = true;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`answer ${answer.status}`);
      use(await answer.json());
    } catch {
      fail();
    } finally {
      this.#busy = false;
      const again = this.#again;
      this.#again = null;
      if (again) again();
    }
  }
}

/** The colour that a design token has now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Call `redraw` when the person's system turns dark or light. */
export function whenSchemeChanges(redraw) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** Show `words` in the middle of a chart that has nothing to draw; null takes them away. */
export function say(element, words) {
  let line = element.querySelector(".chart-word");
  if (words === null) {
    line?.remove();
    return;
  }
  if (!line) {
    line = document.createElement("p");
    line.className = "quiet chart-word";
    element.append(line);
  }
  line.textContent = words;
}
