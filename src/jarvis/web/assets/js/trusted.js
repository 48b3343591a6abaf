// Trusted Types: the only way from text to markup on these pages is a piece of our own page, fetched by htmx.
//
// Loaded before htmx starts. The policy makes HTML and nothing else: whatever asks for a script, here or in htmx, is
// refused by the browser, and htmx's own ways to run code from attributes are taken away.

const policy = window.trustedTypes?.createPolicy("jarvis-pieces", {
  createHTML(text) {
    if (/<\s*(script|iframe|object|embed|base|meta)\b/i.test(text)) throw new TypeError("no piece of ours holds this");
    return text;
  },
});

function refused() {
  throw new TypeError("no code is made from text on these pages");
}

htmx.registerExtension("trusted", {
  init(api) {
    const html = policy ?? { createHTML: (text) => text };
    api.initSecurity({ createHTML: (text) => html.createHTML(text), createScript: refused }, refused, refused);
  },
});
