// Zooms, moves, levels and lights all faces of a comparison in step. The page works without.
const area = document.querySelector("[data-compare]");
const pictures = [...area.querySelectorAll("img[data-zoom]")];
const zoom = document.getElementById("zoom");
const level = document.getElementById("level");
const contrast = document.getElementById("contrast");
const grey = document.getElementById("grey");
const EYES = { x: 0.5, y: 0.44, apart: 0.24 }; // where aligned eyes stand, as shares of the frame
const MOVE = 0.08; // of the frame, for an arrow key
const MOST = Number(zoom.max);
const view = { x: 0.5, y: 0.5, scale: 1 };

const between = (least, value, most) => Math.min(most, Math.max(least, value));

function aligned(picture) {
  const [lx, ly, rx, ry] = (picture.dataset.eyes ?? "").split(" ").map(Number);
  if (!level.checked || ry === undefined) return "";
  const scale = EYES.apart / Math.hypot(rx - lx, ry - ly);
  const middle = `translate(${-50 * (lx + rx)}%, ${-50 * (ly + ry)}%)`;
  return `translate(${100 * EYES.x}%, ${100 * EYES.y}%) rotate(${-Math.atan2(ry - ly, rx - lx)}rad) scale(${scale}) ${middle}`;
}

function show() {
  const half = 0.5 / view.scale;
  view.x = between(half, view.x, 1 - half);
  view.y = between(half, view.y, 1 - half);
  zoom.value = String(view.scale);
  const moved = `translate(50%, 50%) scale(${view.scale}) translate(${-100 * view.x}%, ${-100 * view.y}%)`;
  for (const picture of pictures) picture.style.transform = `${moved} ${aligned(picture)}`;
  document.body.style.setProperty("--contrast", contrast.value);
  document.body.style.setProperty("--grey", grey.checked ? "1" : "0");
  area.classList.toggle("zoomed", view.scale > 1);
  area.dispatchEvent(new Event("view"));
}

function zoomTo(scale, x = 0.5, y = 0.5) {
  const to = between(1, scale, MOST);
  // What lies under the pointer stays there.
  view.x += (x - 0.5) * (1 / view.scale - 1 / to);
  view.y += (y - 0.5) * (1 / view.scale - 1 / to);
  view.scale = to;
  show();
}

function move(x, y) {
  view.x += x / view.scale;
  view.y += y / view.scale;
  show();
}

function place(frame, event) {
  const box = frame.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function follow(frame) {
  const pointers = new Map();
  let dragged = false;
  frame.draggable = false;
  frame.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("wheel", (event) => {
    const to = between(1, view.scale * 2 ** (-event.deltaY / 300), MOST);
    if (to === view.scale) return; // the page scrolls on
    event.preventDefault();
    zoomTo(to, ...place(frame, event));
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (pointers.size === 0) dragged = false;
    pointers.set(event.pointerId, place(frame, event));
  });
  frame.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(frame, event);
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) < 0.01) return;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other) {
      const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      zoomTo((view.scale * spread(now)) / Math.max(spread(before), 0.01), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (view.scale > 1) {
      frame.setPointerCapture(event.pointerId);
      move(before[0] - now[0], before[1] - now[1]);
    }
    dragged = true;
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"])
    frame.addEventListener(end, (event) => {
      if (end !== "pointerleave" || !frame.hasPointerCapture(event.pointerId)) pointers.delete(event.pointerId);
    });
  frame.addEventListener("click", (event) => {
    if (dragged) event.preventDefault();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !document.getElementById("keys-on").checked) return;
  if (event.target.matches("textarea, input, select")) return;
  const moves = { ArrowLeft: [-MOVE, 0], ArrowRight: [MOVE, 0], ArrowUp: [0, -MOVE], ArrowDown: [0, MOVE] };
  if (event.key === "+" || event.key === "=") zoomTo(view.scale * 1.5);
  else if (event.key === "-") zoomTo(view.scale / 1.5);
  else if (moves[event.key] && view.scale > 1) move(...moves[event.key]);
  else return;
  event.preventDefault();
});

for (const picture of pictures) follow(picture.parentElement);
for (const control of [level, contrast, grey]) control.addEventListener("input", show);
zoom.addEventListener("input", () => zoomTo(Number(zoom.value)));
document.getElementById("zoom-reset").addEventListener("click", () => {
  contrast.value = "1";
  grey.checked = false;
  zoomTo(1);
});
document.getElementById("scenes").addEventListener("click", () => {
  const scenes = [...document.querySelectorAll("details.scene")];
  const open = !scenes.every((scene) => scene.open);
  for (const scene of scenes) scene.open = open;
});
show();
