// Lives only as long as a draft: opens the tip form without a connection, and sends what waits when there is one.
// It keeps the form's page and files and nothing else: no receipt, no answer, no page of the console.
import { createStore, get, set } from "/assets/scripts/vendor/idb-keyval-6.3.0.js";

const NAME = "homeward";
const LOCK = "homeward-tip";
const PAGES = new Set(["/", "/tip", "/tip/extras"]);
const store = createStore(NAME, "tip");

const ours = (url) => url.origin === location.origin && (PAGES.has(url.pathname) || url.pathname.startsWith("/assets/"));

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("message", (event) => {
  const urls = (event.data?.keep ?? []).filter((url) => ours(new URL(url)));
  event.waitUntil(
    caches.open(NAME).then((cache) => Promise.all(urls.map((url) => cache.add(url).catch(() => undefined)))),
  );
});

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !ours(url)) return;
  event.respondWith(url.pathname.startsWith("/assets/") ? asset(event.request) : newest(event.request));
});

async function asset(request) {
  return (await find(request)) ?? fetch(request);
}

// The page of the network, and the kept one where there is none.
async function newest(request) {
  try {
    return await fetch(request);
  } catch (problem) {
    const kept = (await find(request)) ?? (await find(request, { ignoreSearch: true }));
    if (kept) return kept;
    if (request.mode !== "navigate") throw problem;
    return (await find("/", { ignoreSearch: true })) ?? (await find("/tip", { ignoreSearch: true })) ?? Response.error();
  }
}

async function find(request, options) {
  // Opening would make an empty cache after a draft is gone.
  return (await caches.has(NAME)) ? caches.match(request, { cacheName: NAME, ignoreVary: true, ...options }) : undefined;
}

addEventListener("sync", (event) => {
  if (event.tag === "send-tip") event.waitUntil(send());
});

async function send() {
  await navigator.locks.request(LOCK, async () => {
    const record = await get("draft", store);
    if (record?.state !== "queued") return;
    const answer = await fetch(record.address, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: parcel(record),
    });
    // The browser tries again later, as it does when the line breaks.
    if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
    const said = await answer.json().catch(() => ({}));
    const next = answer.status === 201 ? { state: "sent", receipt: said.receipt } : { ...record, state: "draft", why: said.detail };
    await set("draft", next, store);
  });
  new BroadcastChannel(NAME).postMessage("changed");
}

// The same parts as in tip/send.js, whose address carries its version and cannot be named here.
function parcel(record) {
  const body = new FormData();
  for (const [name, value] of Object.entries(record.texts)) body.append(name, value);
  body.set("waited_s", String(Math.max(0, Math.round((Date.now() - record.pressed) / 1000))));
  if (record.entries.some((entry) => entry.mark)) {
    body.set("marks", JSON.stringify(record.entries.map((entry) => entry.mark)));
  }
  record.entries.forEach(({ file, small }, index) => {
    body.append("photos", record.full ? file : (small ?? file), `photo-${index + 1}`);
  });
  return body;
}
