// Zoom and pan of all faces on a comparison page in step; number keys choose a conclusion. The page works without.
const area = document.querySelector("[data-compare]");
const pictures = [...area.querySelectorAll("img[data-zoom]")];
const bar = document.getElementById("zoombar");
const slider = document.getElementById("zoom");
const STEP = 5;
const view = { x: 50, y: 50 };

const inside = (value) => Math.min(100, Math.max(0, value));

function show() {
  const scale = Number(slider.value);
  for (const picture of pictures) {
    picture.style.transformOrigin = `${view.x}% ${view.y}%`;
    picture.style.transform = scale > 1 ? `scale(${scale})` : "";
  }
}

function pan(x, y) {
  view.x = inside(x);
  view.y = inside(y);
  show();
}

bar.hidden = pictures.length === 0;
slider.addEventListener("input", show);
document.getElementById("zoom-reset").addEventListener("click", () => {
  slider.value = "1";
  pan(50, 50);
});

for (const picture of pictures) {
  const frame = picture.parentElement;
  frame.addEventListener("pointermove", (event) => {
    if (Number(slider.value) === 1 || event.pointerType === "touch") return;
    const box = frame.getBoundingClientRect();
    pan(((event.clientX - box.left) / box.width) * 100, ((event.clientY - box.top) / box.height) * 100);
  });
  frame.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const move = moves[event.key];
    if (!move || Number(slider.value) === 1) return;
    event.preventDefault();
    pan(view.x + move[0], view.y + move[1]);
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  const chosen = document.querySelectorAll("input[name=conclusion]")[Number(event.key) - 1];
  if (!chosen) return;
  event.preventDefault();
  chosen.checked = true;
  chosen.focus();
});
