// Keeps what is filled in over a reload, in this tab alone; the page after the decision removes it.
const form = document.querySelector("form[data-review]");
const done = document.querySelector("[data-decided]");
const key = (id) => `review:${id}`;

function fields() {
  return [...new FormData(form)].filter(([name]) => name !== "exposure" || form.elements.exposure.value > 0);
}

function keep() {
  try { sessionStorage.setItem(key(form.dataset.review), JSON.stringify(fields())); } catch { /* Not remembered. */ }
}

function restore() {
  let kept = [];
  try { kept = JSON.parse(sessionStorage.getItem(key(form.dataset.review)) ?? "[]"); } catch { return; }
  for (const [name, value] of kept) {
    const field = form.elements[name];
    if (field) field.value = value; // of radio buttons, this chooses the one
  }
  form.dispatchEvent(new Event("restored"));
  form.querySelector("#checklist").dispatchEvent(new Event("restored"));
}

if (done) {
  try { sessionStorage.removeItem(key(done.dataset.decided)); } catch { /* Nothing was remembered. */ }
} else {
  if ("fresh" in form.dataset) restore();
  form.addEventListener("input", keep);
  addEventListener("pagehide", keep);
}
