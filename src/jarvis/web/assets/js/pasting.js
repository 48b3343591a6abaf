// Says at once what is wrong with a pasted key, by the same rules as the server (web/pasting.py), which hands them
// over with the form. Nothing is sent, nothing is kept, and no sentence holds anything of what was pasted.

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\ufe00-\ufe0f]/gu;
const BLANK = /[\s\u001c-\u001f\u0085]/u;
const ALL_BLANKS = /[\s\u001c-\u001f\u0085]+/gu;

const visible = (text) =>
  text.replace(INVISIBLE, (each) => (BLANK.test(each) && each !== "\ufeff" ? each : ""));

const trimmed = (text, characters) => {
  const all = [...text];
  let start = 0;
  let end = all.length;
  while (start < end && characters.includes(all[start])) start += 1;
  while (end > start && characters.includes(all[end - 1])) end -= 1;
  return all.slice(start, end).join("");
};

const stripped = (text) => text.replace(/^[\s\u001c-\u001f\u0085]+|[\s\u001c-\u001f\u0085]+$/gu, "");

const whole = (pattern, value) => new RegExp(`^(?:${pattern})$`, "u").test(value);

/** What was meant by a pasted text, and the names of what was taken off. */
export function cleaned(rules, text) {
  const taken = new Set();
  const label = new RegExp(`^${rules.label}`, "iu");
  let value = visible(text);
  if (value !== text) taken.add("INVISIBLE");
  let before;
  while (before !== value) {
    before = value;
    const outer = stripped(value);
    const bare = stripped(trimmed(outer, rules.quotes));
    if (bare !== outer) taken.add("QUOTES");
    const unlabelled = bare.replace(label, "");
    if (unlabelled !== bare) taken.add("LABEL");
    value = unlabelled.replace(ALL_BLANKS, "");
  }
  if (text !== stripped(text) || BLANK.test(text)) taken.add("BLANKS");
  return { value, taken };
}

const misshapen = (value) => (/^[A-Za-z0-9+/=-]*$/.test(value) ? "short" : "signs");

/** The sentence for each box that is wrong; the same as `read_paste` says. */
export function readPaste(rules, raw) {
  const shape = rules.venues[rules.venue];
  const isKey = (value, of = shape) => whole(of.key, value);
  const isSecret = (value, of = shape) => whole(of.secret, value);
  const key = cleaned(rules, raw.api_key).value;
  const secret = cleaned(rules, raw.api_secret).value;
  const third = shape.hasPassphrase ? visible(raw.api_passphrase ?? "").replace(/^[\r\n]+|[\r\n]+$/g, "") : "";
  const swapped = isSecret(key) && !isKey(key) && (isKey(secret) || !secret);
  const misplaced = shape.hasPassphrase && isSecret(third) && !isSecret(secret);
  const kinds = {};

  if (swapped) kinds.api_key = "swapped_key";
  else if (!key) kinds.api_key = "empty";
  else if (!isKey(key)) kinds.api_key = misshapen(key);

  if (swapped) kinds.api_secret = "swapped_secret";
  else if (misplaced) kinds.api_secret = "secret_is_passphrase";
  else if (!secret) kinds.api_secret = "empty";
  else if (secret === key) kinds.api_secret = "same";
  else if (!isSecret(secret)) kinds.api_secret = misshapen(secret);

  if (shape.hasPassphrase) {
    if (!third) kinds.api_passphrase = "no_passphrase";
    else if (misplaced && !swapped) kinds.api_passphrase = "swapped_passphrase";
    else if (isKey(third)) kinds.api_passphrase = "passphrase_key";
    else if (!whole(rules.passphrase, third)) kinds.api_passphrase = "passphrase_signs";
  }
  for (const name of ["api_key", "api_secret"]) if (holdsTwo(rules, isKey, isSecret, raw[name])) kinds[name] = "two";

  let other = null;
  for (const [name, value] of [["api_secret", secret], ["api_key", key]]) {
    if (kinds[name] !== "short" && kinds[name] !== "signs") continue;
    const found = Object.entries(rules.venues).find(
      ([venue, of]) => venue !== rules.venue && (name === "api_key" ? isKey(value, of) : isSecret(value, of)),
    );
    if (!found) continue;
    kinds[name] = name === "api_key" ? "other_key" : "other_secret";
    other = found[1].title;
  }
  const counts = { api_key: [...key].length, api_secret: [...secret].length, api_passphrase: [...third].length };
  const errors = {};
  for (const [name, kind] of Object.entries(kinds)) errors[name] = sentence(rules, shape, kind, name, counts[name], other);
  return errors;
}

function holdsTwo(rules, isKey, isSecret, raw) {
  const words = raw.split(ALL_BLANKS).filter(Boolean).map((word) => cleaned(rules, word).value);
  const first = words.find((word) => isKey(word));
  return words.length > 1 && first !== undefined && words.some((word) => word !== first && isSecret(word));
}

function sentence(rules, shape, kind, name, count, other) {
  const isKey = name === "api_key";
  const words = {
    venue: shape.title,
    other: other ?? "",
    label: isKey ? shape.keyLabel : shape.secretLabel,
    key: shape.keyLabel,
    secret: shape.secretLabel,
    words: isKey ? shape.keyWords : shape.secretWords,
    count,
  };
  return rules.sentences[kind].replace(/\{(\w+)\}/g, (_, word) => String(words[word]));
}

/** Shows under each box what it seems to hold, once something was put into it. */
function watch(form) {
  const rules = JSON.parse(form.dataset.pasting);
  const names = ["api_key", "api_secret", "api_passphrase"].filter((name) => form.elements[name]);
  const hints = new Map(names.map((name) => [name, hintBelow(form.elements[name])]));

  const say = () => {
    const raw = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
    const errors = readPaste(rules, { api_passphrase: "", ...raw });
    for (const name of names) {
      const isFilled = raw[name] !== "";
      const { taken } = cleaned(rules, raw[name]);
      const takenWords = name === "api_passphrase" ? [] : [...taken].map((each) => rules.taken[each]);
      show(hints.get(name), isFilled, errors[name], takenWords);
    }
  };
  form.addEventListener("input", say);
  form.addEventListener("change", say);
  say(); // somebody may have been quicker than this script
}

function hintBelow(input) {
  const hint = document.createElement("p");
  hint.className = "paste-hint";
  hint.setAttribute("role", "status");
  const note = document.getElementById(`${input.id}-note`);
  note.prepend(hint);
  return hint;
}

function show(hint, isFilled, error, taken) {
  hint.dataset.kind = !isFilled ? "" : error ? "wrong" : taken.length ? "taken" : "good";
  if (!isFilled) hint.textContent = "";
  else if (error) hint.textContent = error;
  else if (taken.length) hint.textContent = `Looks whole. Taken off when it is checked: ${taken.join(", ")}.`;
  else hint.textContent = "Looks whole.";
}

/** While the venue is asked, the page says so, and a second press does nothing. */
function waitFor(form) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button[type=submit]");
    button.setAttribute("aria-disabled", "true");
    button.setAttribute("aria-busy", "true");
    const word = form.querySelector("[data-pasting-word]") ?? form.appendChild(document.createElement("span"));
    word.setAttribute("role", "status");
    word.textContent = form.dataset.busy;
  });
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => delete form.dataset.sent);
}

for (const form of document.querySelectorAll("form[data-pasting]")) watch(form);
for (const form of document.querySelectorAll("form[data-busy]")) waitFor(form);
