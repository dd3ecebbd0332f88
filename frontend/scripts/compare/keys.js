// A key presses the control that carries it; every key has a control, so nothing needs them.
const form = document.querySelector("form[data-review]");
const on = document.getElementById("keys-on");
const CHOICE = "keys";

try { on.checked = localStorage.getItem(CHOICE) !== "off"; } catch { /* Keys are on. */ }
on.addEventListener("change", () => {
  try { localStorage.setItem(CHOICE, on.checked ? "on" : "off"); } catch { /* Not remembered. */ }
});

const typing = (target) => target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.contains(event.target)) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (!on.checked) return;
  if (event.key === "Enter" && event.target !== document.body) return; // a link or button that has the focus
  const digit = /^Digit([0-9])$/.exec(event.code)?.[1];
  if (event.shiftKey && digit) {
    event.preventDefault();
    const detail = (Number(digit) + 9) % 10;
    document.getElementById("checklist").dispatchEvent(new CustomEvent("goto", { detail }));
    return;
  }
  const control = [...document.querySelectorAll("[data-key]")].find(
    (each) => each.dataset.key === event.key && !each.closest("[hidden]"),
  );
  if (!control) return;
  event.preventDefault();
  control.click();
});

// The last of the page's scripts: from now on, all that needs one works.
for (const hidden of document.querySelectorAll("[data-script]")) hidden.hidden = false;
