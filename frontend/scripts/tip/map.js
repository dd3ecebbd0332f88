// A pin on a map drawn from the shapes of areas: by finger, mouse or keyboard, and without anybody else's tiles.
const SVG = "http://www.w3.org/2000/svg";
const STEP = 12; // Picture units that an arrow key moves the pin.
const SURE = 8; // Picture units within which a finger hits.
const FARTHEST_M = 100_000;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const state = { shown: null, pin: null };

export async function open(page) {
  const box = document.getElementById("map");
  if (!box.firstElementChild) build(page, box);
  box.hidden = false;
  if (state.shown || (await show(page, "top"))) {
    document.getElementById("map-view").focus();
    return true;
  }
  box.hidden = true;
  return false;
}

function build(page, box) {
  box.append(page.piece("map"));
  const view = document.getElementById("map-view");
  const areas = document.getElementById("map-area");
  view.addEventListener("click", (event) => {
    const { left, top, width, height } = view.firstElementChild.getBoundingClientRect();
    const { frame } = state.shown;
    move(page, ((event.clientX - left) / width) * frame.width, ((event.clientY - top) / height) * frame.height);
    const under = areaUnder();
    if (under?.opens) show(page, under.code);
  });
  view.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const far = event.shiftKey ? 5 * STEP : STEP;
      move(page, state.pin[0] + arrow[0] * far, state.pin[1] + arrow[1] * far);
    } else if (event.key === "Enter") {
      const under = areaUnder();
      if (under?.opens) show(page, under.code);
    } else if (event.key === "Backspace" && state.shown.above) show(page, state.shown.above);
    else if (event.key === "p" || event.key === "P") take(page);
    else return;
    event.preventDefault();
  });
  areas.addEventListener("change", () => areas.value && show(page, areas.value));
  document.getElementById("map-above").addEventListener("click", () => show(page, state.shown.above));
  document.getElementById("map-set").addEventListener("click", () => take(page));
  document.getElementById("map-close").addEventListener("click", () => close());
}

function close() {
  document.getElementById("map").hidden = true;
  document.getElementById("open-map").focus();
}

async function show(page, code) {
  let drawn;
  try {
    const answer = await fetch(`/areas/${encodeURIComponent(code)}.json`);
    if (!answer.ok) return false;
    drawn = await answer.json();
  } catch {
    return false;
  }
  // The pin keeps its place on the earth when the picture changes.
  const before = state.pin && onEarth();
  state.shown = drawn;
  const { frame } = drawn;
  const svg = document.querySelector("#map-view svg");
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  svg.replaceChildren(...drawn.areas.map((area) => path(area)), pinShape());
  const areas = document.getElementById("map-area");
  areas.replaceChildren(areas.firstElementChild);
  for (const area of drawn.areas.filter((each) => each.opens)) {
    areas.append(new Option(nameOf(area), area.code));
  }
  areas.options[0].textContent = nameOf(drawn);
  document.getElementById("map-above").hidden = !drawn.above;
  const at = before && inPicture(before);
  const inside = at && at[0] >= 0 && at[1] >= 0 && at[0] <= frame.width && at[1] <= frame.height;
  move(page, ...(inside ? at : [frame.width / 2, frame.height / 2]));
  return true;
}

const nameOf = (area) => (document.documentElement.lang.startsWith("zh") ? area.name : area.name_en);

function path(area) {
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", area.path);
  shape.setAttribute("fill-rule", "evenodd");
  const title = document.createElementNS(SVG, "title");
  title.textContent = nameOf(area);
  shape.append(title);
  shape.area = area;
  return shape;
}

function pinShape() {
  const pin = document.createElementNS(SVG, "path");
  pin.setAttribute("class", "pin");
  pin.setAttribute("d", "M0 0L-11 -22A13 13 0 1 1 11 -22Z");
  return pin;
}

function move(page, x, y) {
  const { width, height } = state.shown.frame;
  state.pin = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  document.querySelector("#map-view .pin").setAttribute("transform", `translate(${state.pin.join(" ")})`);
  const under = areaUnder();
  document.getElementById("map-told").textContent = under
    ? page.say("under", { area: nameOf(under) })
    : page.say("outside");
}

function areaUnder() {
  const svg = document.querySelector("#map-view svg");
  const point = svg.createSVGPoint();
  [point.x, point.y] = state.pin;
  return [...svg.querySelectorAll("path:not(.pin)")].find((shape) => shape.isPointInFill(point))?.area;
}

function onEarth() {
  const { frame } = state.shown;
  return [frame.north - state.pin[1] / frame.scale, frame.west + state.pin[0] / frame.scale / frame.narrowing];
}

function inPicture([latitude, longitude]) {
  const { frame } = state.shown;
  return [(longitude - frame.west) * frame.narrowing * frame.scale, (frame.north - latitude) * frame.scale];
}

function take(page) {
  const metres = Math.min(FARTHEST_M, Math.ceil(state.shown.frame.metres * SURE));
  const [latitude, longitude] = onEarth().map((degrees) => degrees.toFixed(5));
  page.place.set(latitude, longitude, metres, page.say("pinned", { m: metres }));
  close();
}
