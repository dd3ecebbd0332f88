// Draws one face over another as the frames show them, with an opacity, or one after the other.
const area = document.querySelector("[data-compare]");
const panel = document.getElementById("overlay");
const canvas = document.getElementById("over");
const opacity = document.getElementById("opacity");
const blink = document.getElementById("blink");
const [probe, ...references] = area.querySelectorAll("img[data-zoom]");
const pen = canvas.getContext("2d");
const BLINK_MS = 800; // slower than anything that could harm, see WCAG 2.3.1
const shown = { reference: 0, swapped: false, timer: 0 };

function draw(picture, alpha) {
  if (!picture?.complete || picture.naturalWidth === 0) return;
  const scale = canvas.width / picture.offsetWidth;
  pen.save();
  pen.globalAlpha = alpha;
  pen.scale(scale, scale);
  const { a, b, c, d, e, f } = new DOMMatrix(getComputedStyle(picture).transform);
  pen.transform(a, b, c, d, e, f);
  pen.drawImage(picture, 0, 0, picture.offsetWidth, picture.offsetHeight);
  pen.restore();
}

function redraw() {
  for (const [at, picture] of references.entries())
    picture.parentElement.classList.toggle("laid", panel.open && at === shown.reference);
  if (!panel.open) return;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  draw(probe, 1);
  draw(references[shown.reference], blink.checked ? Number(shown.swapped) : Number(opacity.value));
}

function beat() {
  clearInterval(shown.timer);
  shown.swapped = false;
  if (blink.checked && panel.open)
    shown.timer = setInterval(() => {
      shown.swapped = !shown.swapped;
      redraw();
    }, BLINK_MS);
  redraw();
}

if (!probe || references.length === 0) {
  panel.remove();
} else {
  area.addEventListener("view", redraw);
  opacity.addEventListener("input", redraw);
  panel.addEventListener("toggle", beat);
  blink.addEventListener("input", () => {
    if (blink.checked) panel.open = true;
    beat();
  });
  document.getElementById("other-reference")?.addEventListener("click", () => {
    shown.reference = (shown.reference + 1) % references.length;
    redraw();
  });
  for (const picture of [probe, ...references]) picture.addEventListener("load", redraw);
  new ResizeObserver(redraw).observe(probe);
}
