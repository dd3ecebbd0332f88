// Keys for the list and for a tip; a quick disposition is filled in here instead of by a new page.
const CHOICE = "keys";
const on = document.getElementById("keys-on");
const rows = [...document.querySelectorAll("a[data-row]")];
const closing = document.getElementById("closing");

const wanted = () => {
  try { return localStorage.getItem(CHOICE) !== "off"; } catch { return true; }
};
if (on) {
  on.checked = wanted();
  on.addEventListener("change", () => {
    try { localStorage.setItem(CHOICE, on.checked ? "on" : "off"); } catch { /* Not remembered. */ }
  });
}
for (const hint of document.querySelectorAll(".keys-hint")) hint.hidden = !wanted();

function fill(code) {
  const offered = [...closing.querySelectorAll("[data-quick]")];
  const chosen = offered.find((each) => each.dataset.quick === code);
  const reason = closing.elements.reason;
  for (const each of offered) each.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "true");
  closing.elements.disposition.value = code;
  const untouched = ["", ...offered.map((each) => each.dataset.phrase)].includes(reason.value.trim());
  if (untouched) reason.value = chosen.dataset.phrase;
  closing.querySelector("button").focus();
}

if (closing)
  for (const link of document.querySelectorAll("[data-quick]"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      fill(link.dataset.quick);
    });

function move(step) {
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}

const PLACES = { w: "request", l: "lead_reason", t: "area", m: "text" };
const typing = (target) => target.matches("textarea, select, input:not([type=radio], [type=checkbox])");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (!wanted()) return;
  if (rows.length && (event.key === "j" || event.key === "k")) {
    move(event.key === "j" ? 1 : -1);
    return;
  }
  const place = document.getElementById(PLACES[event.key] ?? "");
  const control =
    event.key === "f"
      ? document.querySelector("[data-faces], [data-no-faces]")
      : [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === event.key);
  if (!place && !control) return;
  event.preventDefault();
  if (place) place.focus();
  else control.click();
});
