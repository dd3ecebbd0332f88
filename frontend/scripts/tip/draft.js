// A draft on this device: kept only when its writer asks for it or sends without a connection, gone once it is sent.
const NAME = "homeward";
const FLAG = "homeward-draft";
const LOCK = "homeward-tip";
const SAVE_MS = 800;

const flag = {
  get: () => {
    try {
      return localStorage.getItem(FLAG) !== null;
    } catch {
      return false;
    }
  },
  set: () => localStorage.setItem(FLAG, "1"),
  clear: () => {
    try {
      localStorage.removeItem(FLAG);
    } catch {
      // Without storage there is no draft either.
    }
  },
};

export async function start(page) {
  const keep = "indexedDB" in globalThis ? await page.load("keep") : null;
  if (!keep) return null;
  const { form, say } = page;
  const slot = document.getElementById("draft");
  slot.append(page.piece("draft"));
  slot.hidden = false;
  const [offer, box, told] = [slot.querySelector(".offer-draft"), slot.querySelector(".kept"), document.getElementById("kept")];
  const [now, change] = [document.getElementById("send-now"), document.getElementById("change")];
  const news = "BroadcastChannel" in globalThis ? new BroadcastChannel(NAME) : null;
  let state = null;
  let timer = 0;
  let began = 0;
  let shop = null;
  // Nothing is opened before there is something to keep: an empty database is a trace as well.
  const store = () => (shop ??= keep.createStore(NAME, "tip"));

  function show(words) {
    offer.hidden = state !== null;
    box.hidden = state === null;
    told.textContent = words ?? (state === null ? "" : say(state === "queued" ? "queued" : "draft"));
    now.hidden = state !== "queued";
    change.hidden = state !== "queued";
    for (const part of form.querySelectorAll("fieldset, .field, button[type=submit]")) {
      part.inert = state === "queued";
    }
    form.querySelector("button[type=submit]").hidden = state === "queued";
  }

  async function write(next, record) {
    try {
      flag.set();
      await keep.set("draft", { ...record, state: next }, store());
    } catch {
      if (state === null) flag.clear();
      told.textContent = say("no-draft");
      box.hidden = false;
      return false;
    }
    state = next;
    show();
    return true;
  }

  // The form opens without a connection from now on, where the browser has service workers.
  async function ready() {
    if (!("serviceWorker" in navigator)) return;
    try {
      await navigator.serviceWorker.register(page.own.createScriptURL("/sw.js"), { type: "module" });
      const registration = await navigator.serviceWorker.ready;
      const links = [...document.querySelectorAll("link[href], script[src]")].map((each) => each.href || each.src);
      const urls = [location.href, form.dataset.extras, ...links, ...Object.values(page.addresses)];
      registration.active.postMessage({ keep: [...new Set(urls.map((url) => new URL(url, location.href).href))] });
      if (state === "queued") await registration.sync?.register("send-tip");
    } catch {
      // The draft is safe all the same; this page sends it.
    }
  }

  async function started() {
    await page.photos.ready();
    // What waits to be sent, or was sent meanwhile, is not overwritten by what was typed before.
    if (state !== null && state !== "draft") return;
    const record = { texts: page.send.texts(), entries: page.photos.entries, full: page.photos.full };
    began ||= Date.now();
    const first = state === null;
    if ((await write("draft", { ...record, pressed: began, address: form.action })) && first) ready();
  }

  async function queue(record) {
    clearTimeout(timer);
    if (!(await write("queued", record))) return false;
    ready();
    box.scrollIntoView({ block: "center" });
    return true;
  }

  // Nothing of a draft stays: neither its pictures nor the means to open the form offline.
  async function forget() {
    if (!flag.get()) return;
    clearTimeout(timer);
    flag.clear();
    state = null;
    began = 0;
    await emptied().catch(() => undefined);
    await globalThis.caches?.delete(NAME);
    const registration = await navigator.serviceWorker?.getRegistration("/");
    await registration?.unregister();
    news?.postMessage("changed");
    show();
  }

  async function emptied() {
    await keep.clear(store());
    const base = await store()("readonly", (kept) => kept.transaction.db);
    base.close();
    shop = null;
    indexedDB.deleteDatabase(NAME);
  }

  function restore(record) {
    for (const [name, value] of Object.entries(record.texts)) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = true;
      else field.value = value;
    }
    const { latitude, longitude, accuracy_m } = record.texts;
    if (latitude) page.place.set(latitude, longitude, accuracy_m ?? "", say("kept"));
    if (record.state === "draft" && record.texts.seen === "now") {
      // What was "just now" then is a moment of the past by now.
      form.elements.seen.value = "other";
      const local = new Date(record.pressed - new Date(record.pressed).getTimezoneOffset() * 60_000);
      form.elements.observed_at.value = local.toISOString().slice(0, 16);
    }
    page.photos.restore(record.entries, record.full);
  }

  function receipt(record) {
    const piece = page.piece("receipt");
    piece.querySelector(".code").textContent = record.receipt;
    const shown = document.getElementById("seen");
    if (shown) return;
    form.before(piece);
    form.hidden = true;
    document.getElementById("sent").focus();
    document.getElementById("seen").addEventListener("click", async () => {
      await forget();
      location.assign(new URL(form.action).pathname);
    });
  }

  const read = () => (flag.get() ? keep.get("draft", store()).catch(() => null) : null);

  // The page and the service worker may both wake up; one of them sends.
  const alone = (work) => (navigator.locks ? navigator.locks.request(LOCK, work) : work());

  async function flush() {
    await alone(async () => {
      const record = await read();
      if (record?.state !== "queued") return;
      const answer = await page.send.post(record);
      page.send.hide();
      if (answer.receipt) await keep.set("draft", { state: "sent", receipt: answer.receipt }, store());
      else if (answer.broken || answer.stopped) show(answer.problem?.detail ?? say("broken"));
      else await keep.set("draft", { ...record, state: "draft", why: answer.problem?.detail }, store());
    });
    await look();
  }

  async function look() {
    const record = await read();
    if (!record) {
      if (state !== null) show();
      return null;
    }
    if (record.state === "sent") {
      state = "sent";
      receipt(record);
    } else if (state !== record.state) {
      state = record.state;
      show(record.why);
    }
    return record;
  }

  document.getElementById("keep").addEventListener("click", started);
  document.getElementById("delete").addEventListener("click", async () => {
    await forget();
    page.send.show(say("deleted"));
    form.reset();
    page.place.set("", "", "", "");
    page.photos.restore([], false);
    document.getElementById("keep").focus();
  });
  change.addEventListener("click", async () => {
    // Waits for a sending that has begun: what was sent cannot be changed any more.
    await alone(async () => {
      const record = await read();
      if (record?.state === "queued") await write("draft", record);
    });
    await look();
  });
  now.addEventListener("click", flush);
  addEventListener("online", flush);
  news?.addEventListener("message", look);
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      if (state !== "draft") return;
      clearTimeout(timer);
      timer = setTimeout(started, SAVE_MS);
    });
  }

  const kept = await look();
  if (kept?.entries) {
    began = kept.pressed;
    restore(kept);
    if (kept.state === "queued" && navigator.onLine) flush();
    else ready();
  }
  return { queue, forget };
}
