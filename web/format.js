// Formats values for display.

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** Seconds to two decimals: `0:07.25`. */
export function exactClock(seconds) {
  const fraction = (seconds % 1).toFixed(2).slice(2).replace(/0+$/, '');
  return fraction === '' ? clock(seconds) : `${clock(seconds)}.${fraction}`;
}

export const similarity = (value) => value.toFixed(2);

export const fileName = (path) => path.slice(path.lastIndexOf('/') + 1);

/** Label of a hit for screen readers. */
export function describe(hit) {
  const time = hit.timestamp === null ? '' : ` at ${clock(hit.timestamp)}`;
  return `${fileName(hit.media_path)}${time}, similarity ${similarity(hit.similarity)}`;
}

export const count = (n, one, many = `${one}s`) =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
