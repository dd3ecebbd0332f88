// The two file fields become one list: previews, order, the child marked, smaller copies.
const MOVE = 0.02;
const FAR = 0.1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const share = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

export async function start(page) {
  const { form, say } = page;
  const shrink = await page.load("shrink");
  const box = document.getElementById("chosen");
  box.append(page.piece("chosen"));
  const list = box.querySelector("ol");
  const full = box.querySelector(".full input");
  const field = document.getElementById("photos-field");
  const inputs = [...field.querySelectorAll("input[type=file]")];
  const note = document.createElement("p");
  note.className = "error";
  note.setAttribute("role", "status");
  box.before(note);
  field.classList.add("scripted");
  document.getElementById("who").hidden = true;
  let entries = [];

  function changed() {
    entries.forEach((entry, index) => {
      entry.item.querySelector("img").alt = say("photo", { n: index + 1 });
      entry.item.querySelector(".earlier").hidden = index === 0;
      tell(entry);
    });
    box.hidden = entries.length === 0;
    const less = entries.reduce((sum, { file, small }) => sum + (small ?? file).size, 0);
    const whole = entries.reduce((sum, { file }) => sum + file.size, 0);
    const shrunk = entries.some((entry) => entry.small);
    box.querySelector(".shrunk").hidden = !shrunk || full.checked;
    box.querySelector(".full").hidden = !shrunk;
    box.querySelector("[data-size]").textContent = say("size", { size: megabytes(whole), less: megabytes(less) });
    inputs[0].labels[0].textContent = say(entries.length ? "again" : "camera");
    field.classList.toggle("some", entries.length > 0);
    form.dispatchEvent(new Event("change"));
  }

  function describe([x, y]) {
    const rows = say("rows").split(/[,，、]\s*/);
    const columns = say("columns").split(/[,，、]\s*/);
    const third = (value) => Math.min(2, Math.floor(value * 3));
    return say("at", { row: rows[third(y)], column: columns[third(x)] });
  }

  function tell(entry) {
    const { item, mark, number } = entry;
    const told = item.querySelector(".told");
    const svg = item.querySelector("svg");
    svg.toggleAttribute("hidden", !mark);
    item.querySelector(".unmark").hidden = !mark;
    if (mark) {
      for (const circle of svg.children) {
        circle.setAttribute("cx", `${mark[0] * 100}%`);
        circle.setAttribute("cy", `${mark[1] * 100}%`);
      }
    }
    told.id = `photo-told-${number}`;
    item.querySelector(".preview").setAttribute("aria-describedby", told.id);
    const words = { busy: say("busy"), unseen: say("unseen") }[entry.state];
    const shown = words ?? (mark ? say("marked", { place: describe(mark) }) : say("mark"));
    if (told.textContent !== shown) told.textContent = shown;
  }

  function put(entry, x, y) {
    entry.mark = [share(x), share(y)];
    changed();
  }

  function added(file, { small = undefined, mark = null } = {}) {
    const item = page.piece("photo").firstElementChild;
    const entry = { file, small: small ?? null, mark, item, state: "busy", number: (added.count += 1) };
    const preview = item.querySelector(".preview");
    preview.addEventListener("click", (event) => {
      if (event.detail === 0) {
        if (!entry.mark) put(entry, 0.5, 0.5);
        return;
      }
      const { left, top, width, height } = preview.getBoundingClientRect();
      put(entry, (event.clientX - left) / width, (event.clientY - top) / height);
    });
    preview.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (arrow) {
        const far = event.shiftKey ? FAR : MOVE;
        const [x, y] = entry.mark ?? [0.5 - arrow[0] * far, 0.5 - arrow[1] * far];
        put(entry, x + arrow[0] * far, y + arrow[1] * far);
      } else if ((event.key === "Delete" || event.key === "Backspace") && entry.mark) {
        entry.mark = null;
        changed();
      } else return;
      event.preventDefault();
    });
    item.querySelector(".unmark").addEventListener("click", () => {
      entry.mark = null;
      changed();
      preview.focus();
    });
    item.querySelector(".remove").addEventListener("click", () => {
      entries = entries.filter((other) => other !== entry);
      URL.revokeObjectURL(preview.firstElementChild.src);
      item.remove();
      note.textContent = "";
      changed();
      inputs[1].focus();
    });
    item.querySelector(".earlier").addEventListener("click", (event) => {
      const at = entries.indexOf(entry);
      [entries[at - 1], entries[at]] = [entries[at], entries[at - 1]];
      list.insertBefore(item, entries[at].item);
      changed();
      (at > 1 ? event.target : item.querySelector(".remove")).focus();
    });
    item.querySelector(".told").setAttribute("role", "status");
    entries.push(entry);
    list.append(item);
    entry.ready = prepare(entry);
    return entry;
  }
  added.count = 0;

  // One after another: a cheap phone holds one decoded picture at a time.
  let before = Promise.resolve();
  function prepare(entry) {
    before = before.then(async () => {
      const seen = await shrink?.look(entry.file).catch(() => null);
      entry.state = seen?.preview ? "shown" : "unseen";
      if (seen) {
        entry.small ??= seen.small;
        const preview = entry.item.querySelector(".preview");
        preview.firstElementChild.src = URL.createObjectURL(seen.preview);
        preview.hidden = false;
        const hints = entry.item.querySelector(".hints");
        hints.hidden = seen.hints.length === 0;
        hints.replaceChildren(
          ...seen.hints.map((hint) => {
            const line = document.createElement("li");
            line.textContent = say(hint);
            return line;
          }),
        );
      }
      changed();
    });
    return before;
  }

  function take(files) {
    note.textContent = "";
    for (const file of files) {
      if (entries.length >= Number(form.dataset.most)) note.textContent = say("most");
      else if (file.size > Number(form.dataset.largest)) note.textContent = say("largest");
      else {
        added(file);
        // The file is read for its place and time before a smaller copy loses them.
        page.claims.read(file);
      }
    }
    changed();
  }

  for (const input of inputs) {
    const chosen = () => {
      take([...input.files]);
      input.value = "";
    };
    input.addEventListener("change", chosen);
    if (input.files.length) chosen();
  }
  full.addEventListener("change", changed);

  return {
    // Photos as they go, with where the child is in each; waits for the smaller copies.
    async ready() {
      await Promise.all(entries.map((entry) => entry.ready));
      return entries;
    },
    get entries() {
      return entries.map(({ file, small, mark }) => ({ file, small, mark }));
    },
    get full() {
      return full.checked;
    },
    restore(kept, whole) {
      for (const entry of [...entries]) entry.item.remove();
      entries = [];
      for (const { file, small, mark } of kept) added(file, { small, mark });
      full.checked = whole;
      changed();
    },
    complain(name) {
      note.textContent = say(name);
      inputs[0].focus();
    },
  };
}
