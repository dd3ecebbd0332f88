// Asks a security key or passkey, and sends its answer with the form it stands in. Without this script, or in a
// browser that cannot, the forms stay hidden and digits serve.
const able = globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON !== undefined;

async function answered(form) {
  const asked = await fetch(form.dataset.passkey, { method: "POST" });
  if (!asked.ok) throw new Error(String(asked.status));
  const options = await asked.json();
  const found = form.dataset.passkeyDo === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(found.toJSON());
}

for (const form of able ? document.querySelectorAll("[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[data-passkey-problem]");
    const button = form.querySelector("button");
    problem.hidden = true;
    button.disabled = true;
    try {
      form.elements.answer.value = await answered(form);
      form.submit();
    } catch {
      problem.hidden = false;
      button.disabled = false;
      button.focus();
    }
  });
}
