// Offers sentences that fit the conclusion; a press puts one into the reason, where it can be changed.
const reason = document.getElementById("reason");
const said = document.getElementById("said");
const lists = [...document.querySelectorAll("[data-phrases]")];
const form = reason.form;

function offer() {
  const group = form.querySelector("input[name=conclusion]:checked")?.dataset.group;
  for (const list of lists) list.hidden = list.dataset.phrases !== group;
}

form.addEventListener("change", (event) => {
  if (event.target.name !== "conclusion") return;
  offer();
  said.textContent = event.target.closest("label").textContent.trim();
});
form.addEventListener("restored", offer);
for (const button of form.querySelectorAll("[data-phrase]"))
  button.addEventListener("click", () => {
    const words = button.dataset.phrase;
    const before = reason.value.trimEnd();
    if (before.includes(words)) return;
    reason.value = before ? `${before}\n${words}` : words;
    said.textContent = words;
    reason.dispatchEvent(new Event("input", { bubbles: true }));
  });
offer();
