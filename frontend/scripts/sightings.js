// Single keys for the pair that is marked; every key has a control, so nothing needs them.
const pairs = [...document.querySelectorAll(".twins")];
const on = document.getElementById("keys-on");
const CHOICE = "keys";
let current = 0;

const typing = (target) => target.matches("textarea, select, input:not([type=radio], [type=checkbox])");

function mark(at, { scroll = true } = {}) {
  current = Math.min(pairs.length - 1, Math.max(0, at));
  for (const [index, pair] of pairs.entries()) pair.classList.toggle("current", index === current);
  if (scroll) pairs[current].scrollIntoView({ block: "nearest" });
}

if (on) {
  try { on.checked = localStorage.getItem(CHOICE) !== "off"; } catch { /* Keys are on. */ }
  on.addEventListener("change", () => {
    try { localStorage.setItem(CHOICE, on.checked ? "on" : "off"); } catch { /* Not remembered. */ }
  });
  on.closest("[data-script]").hidden = false;
  for (const [index, pair] of pairs.entries())
    pair.addEventListener("focusin", () => mark(index, { scroll: false }));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (!on.checked || typing(event.target)) return;
    if (event.key === "j" || event.key === "k") mark(current + (event.key === "j" ? 1 : -1));
    else pairs[current].querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  });
  mark(0, { scroll: false });
}
