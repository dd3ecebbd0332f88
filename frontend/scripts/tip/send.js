// Sends the form with its progress shown. What was sent once goes again under the same key: it becomes one tip.
export const LOCK = "homeward-tip";
const TOO_MUCH = 413;

// The parts of a tip as the service worker and the page alike send them.
export function parcel(record) {
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

export async function start(page) {
  const { form, say } = page;
  const button = form.querySelector("button[type=submit]");
  button.before(page.piece("sending"));
  const box = document.getElementById("sending");
  const said = box.querySelector(".said");
  const bar = box.querySelector("progress");
  const [stop, again, later] = ["stop", "again", "later"].map((id) => document.getElementById(id));
  box.hidden = true;
  // A page from a cache would show the same key twice.
  if (globalThis.crypto?.randomUUID) form.elements.submission.value = crypto.randomUUID();
  let last = null;
  let running = null;

  function texts() {
    const found = {};
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value !== "" && name !== "waited_s") found[name] = value;
    }
    return found;
  }

  async function gather() {
    await page.photos.ready();
    const now = { texts: texts(), entries: page.photos.entries, full: page.photos.full };
    const same = last && JSON.stringify(comparable(last)) === JSON.stringify(comparable(now));
    // The moment of the first press counts as "just now", however often it has to be sent.
    last = { ...now, pressed: same ? last.pressed : Date.now(), address: form.action };
    return last;
  }

  const comparable = ({ texts: { work, ...rest }, entries, full }) => [
    rest,
    entries.map(({ file, mark }) => [file.name, file.size, file.lastModified, mark]),
    full,
  ];

  function show(words, { progress = null, tries = false } = {}) {
    box.hidden = false;
    if (said.textContent !== words) said.textContent = words;
    bar.hidden = progress === null;
    if (progress !== null) bar.value = progress;
    stop.hidden = progress === null || progress === 100;
    again.hidden = !tries;
    later.hidden = !tries || !page.draft;
    button.disabled = progress !== null;
  }

  // Resolves with {receipt, link}, {problem} or {broken}; it never rejects.
  function post(record) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      running = request;
      request.open("POST", record.address);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        const percent = Math.floor((loaded / total) * 100);
        show(percent < 100 ? say("sending", { percent }) : say("waiting"), { progress: percent });
      });
      request.addEventListener("load", () => {
        if (request.status === 201 && request.response?.receipt) resolve(request.response);
        else if (request.status >= 500 || request.status === 429) resolve({ broken: true, problem: request.response });
        else resolve({ problem: request.response ?? {}, status: request.status });
      });
      for (const name of ["error", "timeout"]) request.addEventListener(name, () => resolve({ broken: true }));
      request.addEventListener("abort", () => resolve({ stopped: true }));
      show(say("sending", { percent: 0 }), { progress: 0 });
      request.send(parcel(record));
    });
  }

  function complain({ problem, status }) {
    const words = problem.detail ?? say(status === TOO_MUCH ? "too-much" : "refused");
    // Another tip under the same key is a new one.
    if (problem.code === "idempotency-key-reused" && globalThis.crypto?.randomUUID) {
      form.elements.submission.value = crypto.randomUUID();
    }
    show(words);
    const named = problem.field ? form.elements[problem.field] : null;
    const field = named?.length && !named.options ? named[0] : named;
    if (!field || field.type === "hidden") return;
    clear();
    const line = document.createElement("p");
    line.className = "error fresh";
    line.id = `${problem.field}-fresh`;
    line.textContent = words;
    (field.closest(".field") ?? field.parentElement).append(line);
    field.closest("details")?.setAttribute("open", "");
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  function clear() {
    for (const line of form.querySelectorAll(".error.fresh")) line.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  }

  async function send() {
    if (running) return;
    clear();
    if (!page.photos.entries.length) {
      page.photos.complain("none");
      return;
    }
    if (!form.elements.place_text.value.trim() && !form.elements.latitude.value) {
      complain({ problem: { detail: say("no-place"), field: "place_text" } });
      return;
    }
    button.disabled = true;
    const record = await gather();
    if (!navigator.onLine && page.draft && (await page.draft.queue(record))) {
      box.hidden = true;
      button.disabled = false;
      return;
    }
    await finish(await post(record));
  }

  async function finish(answer) {
    running = null;
    button.disabled = false;
    if (answer.receipt) {
      show(say("arrived"), { progress: 100 });
      await page.draft?.forget();
      location.assign(answer.link);
    } else if (answer.stopped) show(say("stopped"), { tries: true });
    else if (answer.broken) show(answer.problem?.detail ?? say("broken"), { tries: true });
    else complain(answer);
  }

  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  again.addEventListener("click", send);
  stop.addEventListener("click", () => running?.abort());
  later.addEventListener("click", async () => {
    if (last && (await page.draft.queue(last))) box.hidden = true;
  });

  return {
    gather,
    post,
    hide() {
      running = null;
      box.hidden = true;
      button.disabled = false;
    },
    show,
    texts,
  };
}
