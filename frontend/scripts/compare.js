// Zoom and pan of all faces on a comparison page in step; number keys choose a conclusion. The page works without.

const area = document.querySelector("[data-compare]");
const pictures = [...document.querySelectorAll("img[data-zoom]")];

function zoom(scale) {
  for (const picture of pictures) picture.style.transform = scale > 1 ? `scale(${scale})` : "";
}

function pan(horizontal, vertical) {
  for (const picture of pictures) {
    picture.style.setProperty("--x", `${horizontal}%`);
    picture.style.setProperty("--y", `${vertical}%`);
  }
}

if (area && pictures.length > 1) {
  const bar = document.createElement("div");
  bar.className = "zoombar";
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: "1", max: "4", step: "0.25", value: "1", id: "zoom" });
  const label = document.createElement("label");
  label.htmlFor = "zoom";
  label.textContent = document.documentElement.lang.startsWith("zh") ? "同步放大" : "Zoom together";
  bar.append(label, slider);
  area.before(bar);
  slider.addEventListener("input", () => zoom(Number(slider.value)));
  for (const picture of pictures) {
    picture.addEventListener("pointermove", (event) => {
      if (Number(slider.value) === 1) return;
      const box = picture.parentElement.getBoundingClientRect();
      pan(((event.clientX - box.left) / box.width) * 100, ((event.clientY - box.top) / box.height) * 100);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("textarea, input:not([type=radio])") || event.ctrlKey || event.metaKey || event.altKey) return;
    const choices = document.querySelectorAll("input[name=conclusion]");
    const chosen = choices[Number(event.key) - 1];
    if (chosen) {
      chosen.checked = true;
      document.querySelector("#reason").focus();
      event.preventDefault();
    }
  });
}
