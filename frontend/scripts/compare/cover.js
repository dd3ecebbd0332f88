// Keeps pictures covered until they are asked for, and counts for how long they are uncovered.
const cover = document.getElementById("cover");
const always = document.getElementById("uncover-always");
const exposure = document.querySelector("input[name=exposure]");
const clock = document.querySelector("#exposed [data-clock]");
const rest = document.getElementById("rest");
const CHOICE = `uncovered:${always.dataset.officer}`;
const TOTAL = "exposure";
const PAIR_S = 180;
const TAB_S = 1200;

// A browser may refuse storage; the page then forgets, and works.
const kept = {
  get(store, key) {
    try { return store.getItem(key); } catch { return null; }
  },
  set(store, key, value) {
    try { store.setItem(key, value); } catch { /* Nothing is remembered. */ }
  },
};

function tick() {
  if (!cover.checked || document.visibilityState !== "visible") return;
  const seconds = Number(exposure.value) + 1;
  const total = Number(kept.get(sessionStorage, TOTAL)) + 1;
  exposure.value = String(seconds);
  kept.set(sessionStorage, TOTAL, String(total));
  clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds === PAIR_S) advise(rest.dataset.pair);
  if (total % TAB_S === 0) advise(rest.dataset.long);
}

function advise(words) {
  rest.textContent = words;
  rest.hidden = false;
}

always.checked = kept.get(localStorage, CHOICE) === "yes";
cover.checked = always.checked;
always.addEventListener("change", () => {
  kept.set(localStorage, CHOICE, always.checked ? "yes" : "no");
  if (always.checked) cover.checked = true;
});
exposure.value ||= "0";
setInterval(tick, 1000);
for (const frame of document.querySelectorAll(".desk a.look"))
  frame.addEventListener("click", (event) => {
    if (cover.checked) return;
    event.preventDefault();
    cover.checked = true;
  });
