// Solves the sum that a form is asked for: the number whose hash behind the salt is the challenge.
// Without this script, or where the browser has no hashing, the form is sent as it is and goes the slow way.
const STEP = 500; // Numbers tried before the page may do something else.
const encoder = new TextEncoder();

async function hashed(text) {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function solved({ challenge, salt, signature, most }) {
  for (let first = 0; first <= Number(most); first += STEP) {
    const numbers = Array.from({ length: STEP }, (_, offset) => first + offset);
    const hashes = await Promise.all(numbers.map((number) => hashed(salt + number)));
    const found = hashes.indexOf(challenge);
    if (found >= 0) {
      return btoa(JSON.stringify({ algorithm: "SHA-256", challenge, number: first + found, salt, signature }));
    }
    await new Promise((resume) => setTimeout(resume));
  }
  return "";
}

function begin(asked) {
  const form = asked.closest("form");
  const told = asked.querySelector("[role=status]");
  told.textContent = "";
  let done = false;
  let waiting = null; // The submit button that was pressed too early.
  solved(asked.dataset)
    .then((answer) => {
      form.elements.work.value = answer;
    })
    .catch(() => {})
    .finally(() => {
      done = true;
      told.textContent = "";
      if (waiting) form.requestSubmit(waiting.button);
    });
  // Before the form's own listeners, so that none of them sends it without its sum.
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form || done) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      waiting = { button: event.submitter };
      told.textContent = told.dataset.busy;
    },
    true,
  );
}

if (globalThis.crypto?.subtle) document.querySelectorAll(".work").forEach(begin);
