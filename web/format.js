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

/**
 * A file name in two parts: the end, which tells numbered files apart, is never cut.
 *
 * @returns {[string, string]}
 */
export function nameParts(name) {
  const END = 7;
  const letters = [...name];
  if (letters.length <= END + 1) return ['', name];
  return [letters.slice(0, -END).join(''), letters.slice(-END).join('')];
}

/** Bytes as `3.4 MB`. */
export function bytes(n) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const step = n < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** step;
  return `${value.toFixed(step > 0 && value < 10 ? 1 : 0)} ${units[step]}`;
}

/** A date and time of day, as the file says it: a camera's clock has no zone. */
export function day(iso) {
  const [, date, time = ''] = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}))?/.exec(iso) ?? [];
  return date === undefined ? iso : `${date} ${time}`.trim();
}

/** The path in the form of the machine where the library is; relative where nobody may know that. */
export function wholePath(path, root) {
  if (root === undefined) return path;
  const sign = root.includes('\\') ? '\\' : '/';
  return `${root.replace(/[/\\]$/, '')}${sign}${path.replaceAll('/', sign)}`;
}
