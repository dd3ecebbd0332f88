// Makes a picture smaller before it goes over a slow line, and says what it looks like. Nothing leaves the device.
const MOST_PIXELS = 4_000_000;
const PREVIEW_PX = 640;
const LOOKED_AT_PX = 256;
const QUALITY = 0.85;
const DARK = 40; // Mean grey level, of 255.
const FLAT = 15; // Variance of the Laplacian: sharp demo pictures have 60 and more, visibly blurred ones below 12.
const SMALL_PX = 480; // Of the shorter side.

function canvasOf(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  const drawing = canvas.getContext("2d", { willReadFrequently: width <= LOOKED_AT_PX });
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const blobOf = (canvas, quality) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));

// Returns the upright preview, a smaller copy (null when the file is small already), and hints; null if unreadable.
export async function look(file) {
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
  const { width, height } = picture;
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  let small = null;
  if (scale < 1) {
    small = await blobOf(canvasOf(picture, Math.floor(width * scale), Math.floor(height * scale)), QUALITY);
    if (small && small.size >= file.size) small = null;
  }
  const near = Math.min(1, PREVIEW_PX / Math.max(width, height));
  const preview = await blobOf(canvasOf(picture, width * near, height * near), QUALITY);
  const hints = complaints(picture, width, height);
  picture.close();
  return { small, preview, hints };
}

function complaints(picture, width, height) {
  const scale = Math.min(1, LOOKED_AT_PX / Math.max(width, height));
  const canvas = canvasOf(picture, width * scale, height * scale);
  const { data, width: across, height: down } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grey = new Float32Array(across * down);
  let sum = 0;
  for (let at = 0; at < grey.length; at += 1) {
    grey[at] = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
    sum += grey[at];
  }
  const dark = sum / grey.length < DARK;
  const found = [];
  if (dark) found.push("dark");
  if (Math.min(width, height) < SMALL_PX) found.push("small");
  // A dark picture has no edges to judge by.
  if (!dark && roughness(grey, across, down) < FLAT) found.push("blurred");
  return found;
}

function roughness(grey, across, down) {
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let y = 1; y < down - 1; y += 1) {
    for (let x = 1; x < across - 1; x += 1) {
      const at = y * across + x;
      const bend = 4 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - across] - grey[at + across];
      sum += bend;
      squares += bend * bend;
      count += 1;
    }
  }
  return count ? squares / count - (sum / count) ** 2 : Infinity;
}
