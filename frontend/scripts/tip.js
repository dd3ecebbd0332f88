// The tip form works without this: it offers the device's location and says early that a photo is too large.
const form = document.querySelector("form[enctype]");
const photos = document.getElementById("photos");
const tooLarge = document.getElementById("photos-large");
const locate = document.getElementById("locate");
const unlocate = document.getElementById("unlocate");
const told = document.getElementById("located");

function fill(latitude, longitude, accuracy) {
  form.elements.latitude.value = latitude;
  form.elements.longitude.value = longitude;
  form.elements.accuracy_m.value = accuracy;
  unlocate.hidden = latitude === "";
  locate.hidden = !unlocate.hidden;
}

photos.addEventListener("change", () => {
  const files = [...photos.files];
  const wrong =
    files.length > Number(form.dataset.most) || files.some((file) => file.size > Number(form.dataset.largest));
  tooLarge.hidden = !wrong;
  photos.setCustomValidity(wrong ? tooLarge.textContent.trim() : "");
});

if ("geolocation" in navigator) {
  document.getElementById("location").hidden = false;
  const { latitude, longitude, accuracy_m } = form.elements;
  fill(latitude.value, longitude.value, accuracy_m.value);
  locate.addEventListener("click", () => {
    told.textContent = told.dataset.busy;
    locate.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        locate.disabled = false;
        const metres = Math.min(100000, Math.ceil(coords.accuracy));
        fill(coords.latitude.toFixed(6), coords.longitude.toFixed(6), metres);
        told.textContent = told.dataset.done.replace("{m}", metres);
      },
      () => {
        locate.disabled = false;
        told.textContent = told.dataset.failed;
      },
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 },
    );
  });
  unlocate.addEventListener("click", () => {
    fill("", "", "");
    told.textContent = "";
    locate.focus();
  });
}
