// The receipt pages: copy the code, fill it in from a scan, print, be told by this browser.

const field = document.querySelector("input#code");
const scanned = location.hash.slice(1);
if (field && /^\d{16}$/.test(scanned)) {
  field.value = scanned.replace(/(\d{4})(?=\d)/g, "$1 ");
  // The code stays neither in the address nor in the history.
  history.replaceState(null, "", location.pathname + location.search);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    const said = button.parentElement.querySelector("[role=status]");
    const code = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent.trim());
      said.textContent = said.dataset.done;
    } catch {
      getSelection().selectAllChildren(code);
    }
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// The worker for pushes serves no page and lives beside the tip form's: it only has to be there.
function active(registration) {
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  return new Promise((resolve) => {
    const look = () => worker.state === "activated" && resolve(registration);
    worker.addEventListener("statechange", look);
    look();
  });
}

const same = { createScriptURL: (url) => url };
// The browser lets no other text become a script's address (Trusted Types).
const own = globalThis.trustedTypes?.createPolicy("own", same) ?? same;
const push = document.querySelector("form#push");
if (push && "PushManager" in window && "serviceWorker" in navigator && "Notification" in window) {
  push.hidden = false;
  push.addEventListener("submit", async (event) => {
    const held = push.elements.subscription;
    if (held.value) return;
    event.preventDefault();
    try {
      if ((await Notification.requestPermission()) !== "granted") throw new Error("not granted");
      const worker = await active(await navigator.serviceWorker.register(own.createScriptURL(push.dataset.worker)));
      const earlier = await worker.pushManager.getSubscription();
      if (earlier) await earlier.unsubscribe();
      const made = await worker.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: push.dataset.key,
      });
      held.value = JSON.stringify(made);
      push.submit();
    } catch {
      const said = push.querySelector("[role=status]");
      said.textContent = said.dataset.failed;
    }
  });
}
