// Keeps the queue up to date while it is looked at, and moves through it with keys.
const same = { createHTML: (text) => text };
// The browser lets no other text become markup (Trusted Types).
const own = globalThis.trustedTypes?.createPolicy("own", same) ?? same;
const queue = document.getElementById("queue");
const changed = document.getElementById("changed");
const on = document.getElementById("keys-on");
const EVERY_MS = 15_000;
const LONGEST_MS = 240_000;
// Asking counts as use of the session: a page that nobody touches falls silent, so that its session can end.
const UNTOUCHED_MS = 600_000;
const CHOICE = "keys";
let tag = queue.dataset.tag;
let wait = EVERY_MS;
let touched = Date.now();
let timer = 0;

for (const hidden of document.querySelectorAll("[data-script]")) hidden.hidden = false;

const buttons = () => [...queue.querySelectorAll("tr[data-item] button[data-focus]:not([data-focus^=back])")]
  .filter((button) => button.offsetParent !== null);
const rowOf = (node) => node?.closest?.("tr[data-item]") ?? null;

function plan() {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && Date.now() - touched < UNTOUCHED_MS) timer = setTimeout(ask, wait);
}

async function ask() {
  try {
    const answer = await fetch(queue.dataset.live, { headers: { "If-None-Match": tag }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return; // signed out: the reader's next step says so
    if (answer.status === 200) {
      const html = await answer.text();
      tag = answer.headers.get("etag") ?? "";
      show(html);
    }
    wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(wait * 2, LONGEST_MS);
  } catch {
    wait = Math.min(wait * 2, LONGEST_MS);
  }
  plan();
}

function show(html) {
  const inside = queue.contains(document.activeElement) ? document.activeElement : null;
  const focus = inside?.dataset.focus;
  const place = buttons().indexOf(inside);
  const open = new Map([...queue.querySelectorAll("details[data-keep]")].map((each) => [each.dataset.keep, each.open]));
  queue.replaceChildren(...new DOMParser().parseFromString(own.createHTML(html), "text/html").body.childNodes);
  for (const each of queue.querySelectorAll("[data-script]")) each.hidden = false;
  for (const each of queue.querySelectorAll("details[data-keep]")) each.open = open.get(each.dataset.keep) ?? each.open;
  if (inside) again(focus, place)?.focus({ preventScroll: true });
  changed.textContent = [queue.dataset.changed, queue.querySelector(".total, .empty")?.textContent.trim()].join(" ");
}

// The same control as before; where its candidate is gone, the one that has taken its place in the list.
function again(focus, place) {
  const same = [...queue.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === focus);
  const left = buttons();
  return same ?? left[Math.min(Math.max(place, 0), left.length - 1)] ?? queue.querySelector("[data-focus]");
}

function move(step) {
  const all = buttons();
  const at = all.findIndex((button) => rowOf(button) === rowOf(document.activeElement));
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  next?.focus();
  rowOf(next)?.scrollIntoView({ block: "nearest" });
}

try { on.checked = localStorage.getItem(CHOICE) !== "off"; } catch { /* Keys are on. */ }
on.addEventListener("change", () => {
  try { localStorage.setItem(CHOICE, on.checked ? "on" : "off"); } catch { /* Not remembered. */ }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  const arrows = rowOf(event.target) ? { ArrowDown: 1, ArrowUp: -1 } : {};
  const step = on.checked ? { j: 1, k: -1, ...arrows }[event.key] : undefined;
  if (step) {
    event.preventDefault();
    move(step);
  } else if (on.checked && event.key === "n" && !event.repeat) {
    queue.querySelector("[data-focus=next]")?.click();
  } else if (event.key === "?") {
    const help = document.getElementById("keys");
    help.open = !help.open;
    if (help.open) help.querySelector("summary").focus();
  }
});

for (const kind of ["pointerdown", "keydown", "scroll"]) {
  addEventListener(kind, () => {
    const slept = Date.now() - touched >= UNTOUCHED_MS;
    touched = Date.now();
    if (slept) ask();
  }, { passive: true });
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") clearTimeout(timer);
  else {
    touched = Date.now();
    ask();
  }
});

plan();
