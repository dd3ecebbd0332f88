// Compares a photo with those that a proof names; the photo never leaves the device.

const place = document.querySelector("[data-compare]");
if (place && crypto.subtle) {
  place.hidden = false;
  const said = place.querySelector("[role=status]");
  place.querySelector("input").addEventListener("change", async (event) => {
    const [photo] = event.target.files;
    if (!photo) return;
    const sum = await crypto.subtle.digest("SHA-256", await photo.arrayBuffer());
    const digest = Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const named = Array.from(document.querySelectorAll("[data-digest]"), (each) => each.dataset.digest);
    said.textContent = named.includes(digest) ? said.dataset.same : said.dataset.other;
  });
}
