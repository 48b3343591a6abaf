// A long action's bar moves by itself; when it is over, the page is loaded again and leads to what came of it.

const EVERY_MS = 700;

const job = document.getElementById("job");
const bar = job.querySelector("progress");
const words = document.getElementById("job-words");
const percent = document.getElementById("job-percent");
const counted = document.getElementById("job-counted");

/** Written only when it differs: what changes is read aloud. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** How it stands; null when there is no such action here any more, or nobody is signed in: the page says which. */
async function asked() {
  const answer = await fetch(job.dataset.state, { headers: { Accept: "application/json" } });
  if (answer.status === 404 || answer.status === 401) return null;
  if (!answer.ok) throw new Error(`answer ${answer.status}`);
  return answer.json();
}

async function look() {
  try {
    const state = await asked();
    if (state === null || state.over) {
      window.location.reload();
      return;
    }
    bar.value = state.percent;
    write(words, state.words);
    write(percent, `${state.percent} %`);
    write(counted, state.counted);
  } catch {
    write(words, "No answer from Jarvis. Trying again.");
  }
  window.setTimeout(look, EVERY_MS);
}

look();
