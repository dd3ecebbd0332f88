// The tip form works without this. With it: previews, a map, progress, and a draft that waits for a connection.
const same = { createHTML: (text) => text, createScriptURL: (url) => url };
// The browser lets no other text become markup or a script's address (Trusted Types).
const own = globalThis.trustedTypes?.createPolicy("own", same) ?? same;
const form = document.querySelector("form[data-extras]");

async function start() {
  const answer = await fetch(form.dataset.extras);
  if (!answer.ok) return;
  const extras = new DOMParser().parseFromString(own.createHTML(await answer.text()), "text/html");
  const addresses = Object.fromEntries(
    [...extras.querySelectorAll("[data-module]")].map((link) => [link.dataset.module, link.getAttribute("href")]),
  );
  const style = extras.querySelector("[data-style]").getAttribute("href");
  const page = {
    form,
    own,
    addresses,
    style,
    // A helping script that is not there is done without.
    load: (name) => import(addresses[name]).catch(() => null),
    piece: (name) => document.importNode(extras.getElementById(`x-${name}`).content, true),
    say: (name, values = {}) => {
      const sentence = extras.querySelector(`[data-say="${name}"]`).textContent.trim().replace(/\s+/g, " ");
      return sentence.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
    },
  };
  // All at once, since a line that is slow is mostly far; then one after the other, since each knows those before.
  const names = ["place", "claims", "photos", "send", "draft"];
  const loading = [...names, "shrink", "keep"].map((name) => page.load(name));
  await dressed(style);
  const parts = await Promise.all(loading);
  if (names.some((name, at) => !parts[at])) return;
  for (const [at, name] of names.entries()) page[name] = await parts[at].start(page);
  form.dataset.ready = "";
}

// Nothing is added before its styles are there; without them the plain form is better.
function dressed(address) {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = address;
    link.onload = resolve;
    link.onerror = reject;
    document.head.append(link);
  });
}

if (form) start().catch(() => undefined);
