// Query pictures: pasted, dropped or chosen. They are scaled down here and kept in sessionStorage,
// so that reload and Back find them.

const LONGEST_SIDE = 640;
const PREFIX = 'picture:';
/** @type {Map<string, Blob>} */
const kept = new Map();

/**
 * @param {Blob} file
 * @returns {Promise<string>} the key of the kept picture
 */
export async function keepPicture(file) {
  const blob = await shrink(file);
  const bytes = await blob.arrayBuffer();
  const key = await digest(bytes);
  kept.set(key, blob);
  remember(key, new Uint8Array(bytes), blob.type);
  return key;
}

/** @returns {Blob | undefined} */
export function pictureOf(key) {
  const blob = kept.get(key) ?? recall(key);
  if (blob !== undefined) kept.set(key, blob);
  return blob;
}

/** Draws a picture so that it covers the canvas. The page's Content-Security-Policy forbids an `img` with a `blob:` address. */
export async function drawPicture(blob, canvas) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const width = bitmap.width * scale;
  const height = bitmap.height * scale;
  canvas
    .getContext('2d')
    .drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  bitmap.close();
}

/** The first picture in pasted or dropped data. */
export const pictureIn = (data) =>
  [...(data?.files ?? [])].find((file) => file.type.startsWith('image/'));

async function shrink(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return file; // The browser cannot decode this format; the server may.
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff'; // The server flattens transparency onto white too.
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) =>
    canvas.toBlob((blob) => resolve(blob ?? file), 'image/jpeg', 0.92),
  );
}

async function digest(bytes) {
  // crypto.subtle exists only on https and loopback; elsewhere a random key will do.
  const hash =
    crypto.subtle === undefined
      ? crypto.getRandomValues(new Uint8Array(8))
      : new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).slice(0, 8);
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function remember(key, bytes, type) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  try {
    sessionStorage.setItem(PREFIX + key, `${type},${btoa(text)}`);
  } catch {
    // Storage is full or disabled: the picture is lost on reload.
  }
}

function recall(key) {
  const text = sessionStorage.getItem(PREFIX + key);
  if (text === null) return undefined;
  const comma = text.indexOf(',');
  const bytes = Uint8Array.from(atob(text.slice(comma + 1)), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: text.slice(0, comma) });
}
