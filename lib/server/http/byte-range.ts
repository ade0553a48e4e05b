/** The Range header: one range of bytes, or the whole file. Pure. */

export interface ByteRange {
  readonly start: number;
  /** Inclusive, as in Content-Range. */
  readonly end: number;
}

/**
 * Parses a Range header.
 *
 * @param size  bytes of the file
 * @returns the range; 'whole' without a header, or for one that RFC 9110 lets us ignore (another unit,
 * malformed, several ranges: players that seek never send them); 'unsatisfiable' for 416
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'whole' | 'unsatisfiable' {
  if (header === undefined || header.length > 64) return 'whole';
  const match = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/i.exec(header.replace(/[ \t]/g, ''));
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'whole';
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
