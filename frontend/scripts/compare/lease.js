// Tells the service that this page is still open, and its reader when they no longer hold the candidate.
const held = document.getElementById("held");
const lost = document.getElementById("held-lost");
const GONE = new Set([404, 409]);
const SIGNED_OUT = new Set([401, 403]);
const timer = setInterval(beat, Number(held.dataset.every) * 1000);

async function beat() {
  let status = 0;
  try {
    status = (await fetch(held.dataset.address, { method: "POST", redirect: "error" })).status;
  } catch { /* No answer. */ }
  if (status === 204) {
    held.textContent = held.dataset.kept;
    lost.hidden = true;
    return;
  }
  if (GONE.has(status)) {
    clearInterval(timer);
    held.hidden = true;
    say(lost.dataset.lost);
  } else {
    say(SIGNED_OUT.has(status) ? lost.dataset.signedOut : lost.dataset.offline);
  }
}

function say(words) {
  lost.textContent = words;
  lost.hidden = false;
}

// A tab that slept asks at once: its hold may have run out meanwhile.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !held.hidden) beat();
});
