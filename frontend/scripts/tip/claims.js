// What a photo's file says of place and time is offered, never taken without a yes.
const TAKEN = 0x9003; // The tag DateTimeOriginal.
const WANTED = { exif: true, gps: true, translateKeys: false, translateValues: false, reviveValues: false, mergeOutput: false };

export async function start(page) {
  const asked = { place: false, time: false };

  function offer(kind, words, accept) {
    asked[kind] = true;
    const box = page.piece("offer").firstElementChild;
    const text = box.querySelector(".words");
    text.textContent = words;
    text.id = `offer-${kind}`;
    box.setAttribute("aria-labelledby", text.id);
    const field = document.getElementById(kind === "place" ? "place-field" : "when-field");
    box.querySelector(".yes").addEventListener("click", () => {
      accept();
      box.remove();
      field.querySelector("input:not([type=hidden])").focus();
    });
    box.querySelector(".no").addEventListener("click", () => box.remove());
    const heading = field.querySelector("label, legend");
    heading.after(box);
  }

  async function read(file) {
    const exif = await page.load("exif");
    if (!exif) return;
    const said = await exif.parse(file, WANTED).catch(() => null);
    const place = said?.gps;
    if (!asked.place && Number.isFinite(place?.latitude) && Number.isFinite(place?.longitude)) {
      const { latitude, longitude } = place;
      if ((latitude || longitude) && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) {
        const shown = `${latitude.toFixed(3)}, ${longitude.toFixed(3)}`;
        offer("place", page.say("claimed-place", { place: shown }), () =>
          page.place.set(latitude.toFixed(6), longitude.toFixed(6), "", page.say("taken")),
        );
      }
    }
    const found = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d)/.exec(said?.exif?.[TAKEN] ?? "");
    if (found && !asked.time) {
      const local = `${found[1]}-${found[2]}-${found[3]}T${found[4]}`;
      const moment = new Date(local);
      // What was taken within this hour is "just now" already.
      if (!Number.isNaN(moment.valueOf()) && Math.abs(Date.now() - moment) > 3_600_000) {
        const shown = moment.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
        offer("time", page.say("claimed-time", { time: shown }), () => {
          page.form.elements.observed_at.value = local;
          document.getElementById("seen-other").click();
        });
      }
    }
  }

  return { read };
}
