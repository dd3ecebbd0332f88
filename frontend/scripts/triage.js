// Keys for a tip's page; a quick disposition is filled in here instead of by a new page.
const CHOICE = "keys";
const on = document.getElementById("keys-on");
const closing = document.getElementById("closing");

try { on.checked = localStorage.getItem(CHOICE) !== "off"; } catch { /* Keys are on. */ }
on.addEventListener("change", () => {
  try { localStorage.setItem(CHOICE, on.checked ? "on" : "off"); } catch { /* Not remembered. */ }
});

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

const PLACES = { w: "request", l: "lead_reason", t: "area", m: "text" };
const typing = (target) => target.matches("textarea, select, input:not([type=radio], [type=checkbox])");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (!on.checked) return;
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
