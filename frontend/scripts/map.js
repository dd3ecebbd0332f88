// Two sliders choose the days; the map and its table follow without a reload. The form works without.
const same = { createHTML: (text) => text };
// The browser lets no other text become markup (Trusted Types).
const own = globalThis.trustedTypes?.createPolicy("own", same) ?? same;
const form = document.getElementById("map-filters");
const slide = form.querySelector(".slide");
const since = document.getElementById("since");
const until = document.getElementById("until");
const first = document.getElementById("first-day");
const last = document.getElementById("last-day");
const said = document.getElementById("said");
const DAY_MS = 86_400_000;
const WAIT_MS = 250;
const shown = { timer: 0, asked: null };

const number = (day) => Math.round(Date.parse(`${day}T00:00:00Z`) / DAY_MS);
const day = (count) => new Date(count * DAY_MS).toISOString().slice(0, 10);
const start = Math.min(number(slide.dataset.oldest), number(since.value));
const end = Math.max(number(slide.dataset.today), number(until.value), start + 1);

function follow() {
  for (const [range, field] of [[first, since], [last, until]]) {
    if (field.value) range.value = String(number(field.value) - start);
    range.setAttribute("aria-valuetext", field.value);
  }
}

function later() {
  clearTimeout(shown.timer);
  shown.timer = setTimeout(ask, WAIT_MS);
}

async function ask() {
  shown.asked?.abort();
  shown.asked = new AbortController();
  const view = document.getElementById("map-view");
  const address = `${location.pathname}?${new URLSearchParams(new FormData(form))}`;
  view.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal: shown.asked.signal, redirect: "error" });
    const body = new DOMParser().parseFromString(own.createHTML(await answer.text()), "text/html").getElementById("map-view");
    if (!answer.ok || !body) throw new Error(String(answer.status));
    view.replaceWith(document.adoptNode(body));
    history.replaceState(null, "", address);
    said.textContent = body.querySelector(".totals").textContent;
  } catch (problem) {
    // The page itself then shows what was wrong.
    if (problem.name !== "AbortError") form.submit();
  }
}

for (const range of [first, last]) {
  range.min = "0";
  range.max = String(end - start);
  range.addEventListener("input", () => {
    if (Number(first.value) > Number(last.value)) (range === first ? last : first).value = range.value;
    since.value = day(start + Number(first.value));
    until.value = day(start + Number(last.value));
    follow();
    later();
  });
}
form.addEventListener("change", (event) => {
  if (event.target.type === "range") return;
  follow();
  later();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
follow();
slide.hidden = false;
