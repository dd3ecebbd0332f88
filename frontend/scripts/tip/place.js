// A position beside the words: from the device, from a photo, or from a pin on a map.
const FARTHEST_M = 100_000;

export async function start(page) {
  const { form, say } = page;
  const box = document.getElementById("location");
  box.append(page.piece("place"));
  box.hidden = false;
  const [locate, opener, away, told] = ["locate", "open-map", "unlocate", "located"].map((id) =>
    document.getElementById(id),
  );
  locate.hidden = !("geolocation" in navigator);

  function set(latitude, longitude, accuracy, words) {
    form.elements.latitude.value = latitude;
    form.elements.longitude.value = longitude;
    form.elements.accuracy_m.value = accuracy;
    away.hidden = latitude === "";
    told.textContent = words;
    form.dispatchEvent(new Event("change"));
  }

  locate.addEventListener("click", () => {
    told.textContent = say("locating");
    locate.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        locate.disabled = false;
        const metres = Math.min(FARTHEST_M, Math.ceil(coords.accuracy));
        set(coords.latitude.toFixed(6), coords.longitude.toFixed(6), metres, say("located", { m: metres }));
      },
      () => {
        locate.disabled = false;
        told.textContent = say("lost");
      },
      { enableHighAccuracy: true, timeout: 20_000, maximumAge: 60_000 },
    );
  });
  away.addEventListener("click", () => {
    set("", "", "", "");
    document.getElementById("place_text").focus();
  });
  opener.addEventListener("click", async () => {
    const map = await page.load("map");
    if (!map || !(await map.open(page))) told.textContent = say("no-map");
  });
  const before = form.elements.latitude.value;
  if (before) set(before, form.elements.longitude.value, form.elements.accuracy_m.value, say("kept"));
  return { set };
}
