// Keeps the list of triage up to date while it is looked at; keys go through it.
const same = { createHTML: (text) => text };
// The browser lets no other text become markup (Trusted Types).
const own = globalThis.trustedTypes?.createPolicy("own", same) ?? same;
const list = document.getElementById("waiting");
const changed = document.getElementById("changed");
const EVERY_MS = 15_000;
const LONGEST_MS = 240_000;
// Asking counts as use of the session: a page that nobody touches falls silent, so that its session can end.
const UNTOUCHED_MS = 600_000;
let tag = "";
let wait = EVERY_MS;
let touched = Date.now();
let timer = 0;

const keysWanted = () => {
  try { return localStorage.getItem("keys") !== "off"; } catch { return true; }
};
const rows = () => [...document.querySelectorAll("a[data-row]")];
const hint = () => {
  for (const each of document.querySelectorAll(".keys-hint")) each.hidden = !keysWanted();
};

function plan() {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && Date.now() - touched < UNTOUCHED_MS) timer = setTimeout(ask, wait);
}

async function ask() {
  try {
    const answer = await fetch(list.dataset.live, { headers: { "If-None-Match": tag }, redirect: "error" });
    if (answer.status === 401 || answer.status === 403) return; // signed out: the reader's next step says so
    if (answer.status === 200) show(await answer.text(), tag !== "");
    tag = answer.headers.get("etag") ?? tag;
    wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(wait * 2, LONGEST_MS);
  } catch {
    wait = Math.min(wait * 2, LONGEST_MS);
  }
  plan();
}

function show(html, tell) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const place = rows().indexOf(focused);
  list.replaceChildren(...new DOMParser().parseFromString(own.createHTML(html), "text/html").body.childNodes);
  hint();
  const left = rows();
  const again = left.find((row) => row.getAttribute("href") === focused?.getAttribute("href"));
  if (focused) (again ?? left[Math.min(Math.max(place, 0), left.length - 1)])?.focus({ preventScroll: true });
  if (tell) changed.textContent = [list.dataset.changed, list.querySelector("p")?.textContent.trim()].join(" ");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !keysWanted()) return;
  if (event.target.matches("select, input:not([type=checkbox])")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const all = rows();
  all[Math.min(Math.max(all.indexOf(document.activeElement) + step, 0), all.length - 1)]?.focus();
});

for (const kind of ["pointerdown", "keydown", "scroll"])
  addEventListener(kind, () => {
    const slept = Date.now() - touched >= UNTOUCHED_MS;
    touched = Date.now();
    if (slept) ask();
  }, { passive: true });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") clearTimeout(timer);
  else ask();
});

hint();
plan();
