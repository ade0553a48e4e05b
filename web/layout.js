// Justified layout: rows of pictures that fill the width. Pure functions.

const GAP = 14;
/** Height of the caption below each picture, in pixels. */
export const CAPTION = 30;
/** Aspect ratios outside this range are cropped to it. */
const NARROWEST = 0.62;
const WIDEST = 2.4;
/** How much taller than the others the last row may be to fill the width. */
const MOST_GROWTH = 1.3;

/**
 * @typedef {{ index: number, x: number, y: number, width: number, height: number }} Box
 *   `height` is the picture's, without its caption
 * @typedef {{ y: number, height: number, boxes: Box[] }} Row  `height` with caption
 */

const rowHeight = (width) => (width < 480 ? 150 : width < 900 ? 160 : width < 1500 ? 196 : 216);

/**
 * @param {readonly { width: number, height: number }[]} sizes
 * @param {number} width  of the grid
 * @returns {{ rows: Row[], height: number }}
 */
export function layOut(sizes, width) {
  const target = rowHeight(width);
  const rows = [];
  let y = 0;
  let line = [];
  let shapes = 0;
  const close = (height) => {
    let x = 0;
    const boxes = line.map(({ index, shape }) => {
      const box = { index, x, y, width: shape * height, height };
      x += box.width + GAP;
      return box;
    });
    rows.push({ y, height: height + CAPTION, boxes });
    y += height + CAPTION + GAP;
    line = [];
    shapes = 0;
  };
  sizes.forEach((size, index) => {
    const shape = Math.min(WIDEST, Math.max(NARROWEST, size.width / size.height || 1));
    line.push({ index, shape });
    shapes += shape;
    const room = width - GAP * (line.length - 1);
    if (shapes * target >= room) close(room / shapes);
  });
  // The last row leaves no hole where little is missing; a single picture does not grow to the whole width.
  if (line.length > 0)
    close(Math.min(target * MOST_GROWTH, (width - GAP * (line.length - 1)) / shapes));
  return { rows, height: Math.max(0, y - GAP) };
}

/** Rows that intersect [`top`, `bottom`], as [first, end), by binary search. */
export function rowsBetween(rows, top, bottom) {
  const firstWhere = (test) => {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(rows[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return [firstWhere((row) => row.y + row.height >= top), firstWhere((row) => row.y > bottom)];
}

/**
 * The tile an arrow key moves to.
 *
 * @param {Row[]} rows
 * @param {number} index  the current tile
 * @param {'left' | 'right' | 'up' | 'down' | 'home' | 'end'} way
 * @returns {number} the same index at an edge
 */
export function neighbour(rows, index, way) {
  const last = rows.at(-1)?.boxes.at(-1)?.index ?? 0;
  if (way === 'left') return Math.max(0, index - 1);
  if (way === 'right') return Math.min(last, index + 1);
  if (way === 'home') return 0;
  if (way === 'end') return last;
  const at = rows.findIndex((row) => row.boxes.some((box) => box.index === index));
  const from = rows[at]?.boxes.find((box) => box.index === index);
  const target = rows[at + (way === 'down' ? 1 : -1)];
  if (from === undefined || target === undefined) return index;
  const centre = from.x + from.width / 2;
  const distance = (box) => Math.abs(box.x + box.width / 2 - centre);
  return target.boxes.reduce((best, box) => (distance(box) < distance(best) ? box : best)).index;
}
