// Steps through the checklist: one feature is marked, a letter answers it and goes on.
const list = document.getElementById("checklist");
const components = [...list.querySelectorAll(".component")];
const answered = document.getElementById("answered");
const said = document.getElementById("said");
let current = 0;

const chosen = (component) => component.querySelector("input:checked");
const title = (component) => component.querySelector("legend").textContent.trim();

function mark(at, { scroll = true } = {}) {
  current = Math.min(components.length - 1, Math.max(0, at));
  for (const [index, component] of components.entries()) {
    const marked = index === current;
    component.classList.toggle("current", marked);
    for (const radio of component.querySelectorAll("input")) {
      if (marked) radio.dataset.key = radio.dataset.letter;
      else delete radio.dataset.key;
    }
    for (const letter of component.querySelectorAll("[data-letter-shown]")) letter.hidden = !marked;
  }
  if (scroll) components[current].scrollIntoView({ block: "nearest" });
}

function count() {
  answered.textContent = `${components.filter(chosen).length} / ${answered.dataset.of}`;
}

list.addEventListener("change", (event) => {
  const at = components.findIndex((component) => component.contains(event.target));
  const found = event.target.closest("label").firstElementChild.nextSibling.textContent.trim();
  const next = Math.min(at + 1, components.length - 1);
  said.textContent = `${title(components[at])}: ${found}. ${next > at ? title(components[next]) : ""}`;
  count();
  // Who uses the radio buttons themselves stays where they are.
  mark(list.contains(document.activeElement) ? at : next, { scroll: !list.contains(document.activeElement) });
});
document.getElementById("rest-agree").addEventListener("click", () => {
  for (const component of components) if (!chosen(component)) component.querySelector("input[value=same]").checked = true;
  count();
  said.textContent = answered.textContent;
  list.dispatchEvent(new Event("input", { bubbles: true }));
});
document.getElementById("component-up").addEventListener("click", () => step(current - 1));
document.getElementById("component-down").addEventListener("click", () => step(current + 1));
list.addEventListener("goto", (event) => step(event.detail));
list.addEventListener("restored", count);

function step(at) {
  mark(at);
  const finding = chosen(components[current]);
  said.textContent = `${title(components[current])} ${finding ? finding.parentElement.textContent.trim() : ""}`;
}

mark(Math.max(0, components.findIndex((component) => !chosen(component))), { scroll: false });
count();
