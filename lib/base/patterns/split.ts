/** Splits several patterns in one text, as in SIGHTLINE_IGNORE. */
import { splitAtCommas } from './braces';

/**
 * Splits at commas and line ends. A comma inside braces or after a backslash belongs to its pattern. Blanks
 * around a pattern are trimmed unless escaped.
 */
export function splitPatterns(text: string): string[] {
  return text
    .split(/\r?\n/)
    .flatMap(splitAtCommas)
    .map((part) => trimEnd(part.trimStart()))
    .filter((part) => part !== '');
}

/** Trims trailing blanks, but not an escaped one. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  const kept = /(\\*)$/.exec(text.slice(Math.max(0, end - 64), end))?.[1] ?? '';
  return kept.length % 2 === 1 && end < text.length ? text.slice(0, end + 1) : text.slice(0, end);
}
