// A virtualized grid: only tiles near the viewport exist in the document.

import { layOut, neighbour, rowsBetween } from './layout.js';
import { makeTile, placeTile } from './tile.js';

/** Pixels above and below the viewport in which tiles are kept. */
const OVERSCAN = 700;

export class Grid {
  /**
   * @param {HTMLUListElement} list
   * @param {{ hrefOf: (hit: object) => string, onOpen: (index: number) => void }} handlers
   */
  constructor(list, handlers) {
    this.list = list;
    this.handlers = handlers;
    this.hits = [];
    this.rows = [];
    /** @type {Map<number, HTMLLIElement>} */
    this.tiles = new Map();
    this.current = 0;
    this.width = 0;
    this.isScheduled = false;
    addEventListener('scroll', () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(list);
    list.addEventListener('focusin', (event) => {
      const index = [...this.tiles].find(([, item]) => item.contains(event.target))?.[0];
      if (index !== undefined) this.#setCurrent(index);
    });
  }

  show(hits) {
    // Results that arrive late must not move the focus out of the grid.
    const hadFocus = this.hasFocus();
    for (const item of this.tiles.values()) item.remove();
    this.tiles.clear();
    this.hits = hits;
    this.current = 0;
    this.#layOut();
    if (hadFocus) this.tiles.get(0)?.hitLink.focus({ preventScroll: true });
  }

  /** Focuses a tile and scrolls it into view. */
  focus(index) {
    if (this.hits.length === 0) return;
    this.#setCurrent(Math.min(this.hits.length - 1, Math.max(0, index)));
    this.reveal(this.current);
    this.tiles.get(this.current)?.hitLink.focus({ preventScroll: true });
  }

  /** Scrolls as little as possible until the whole tile is visible. */
  reveal(index) {
    const row = this.rows.find((each) => each.boxes.some((box) => box.index === index));
    if (row === undefined) return;
    const origin = this.list.getBoundingClientRect().top;
    const header = document.querySelector('header.bar').offsetHeight + 12;
    const top = origin + row.y;
    if (top < header) scrollBy(0, top - header);
    else if (top + row.height > innerHeight) scrollBy(0, top + row.height - innerHeight + 12);
    this.render();
  }

  /** @param {Parameters<typeof neighbour>[2]} way */
  move(way) {
    this.focus(neighbour(this.rows, this.current, way));
  }

  hasFocus() {
    return this.list.contains(document.activeElement);
  }

  #setCurrent(index) {
    const before = this.tiles.get(this.current);
    if (before) before.hitLink.tabIndex = -1;
    this.current = index;
    const now = this.tiles.get(index);
    if (now) now.hitLink.tabIndex = 0;
  }

  #resized() {
    if (this.list.clientWidth !== this.width) this.#layOut();
  }

  #layOut() {
    this.width = this.list.clientWidth;
    const { rows, height } = layOut(this.hits, this.width);
    this.rows = rows;
    this.list.style.height = `${height}px`;
    this.render();
  }

  #schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.render();
    });
  }

  /** Creates, places and removes tiles to match the viewport. */
  render() {
    const top = -this.list.getBoundingClientRect().top - OVERSCAN;
    const [first, end] = rowsBetween(this.rows, top, top + innerHeight + 2 * OVERSCAN);
    const wanted = new Map();
    for (const row of this.rows.slice(first, end))
      for (const box of row.boxes) wanted.set(box.index, box);
    for (const [index, item] of this.tiles) {
      // Removing the focused tile would lose the focus.
      if (wanted.has(index) || item.contains(document.activeElement)) continue;
      item.remove();
      this.tiles.delete(index);
    }
    for (const [index, box] of wanted) this.#place(index, box);
    // Tab must reach a tile even if the current one was scrolled away.
    const [nearest] = wanted.keys();
    if (nearest !== undefined && !this.tiles.has(this.current)) this.#setCurrent(nearest);
  }

  #place(index, box) {
    const hit = this.hits[index];
    let item = this.tiles.get(index);
    if (item === undefined) {
      item = makeTile(hit, {
        index,
        total: this.hits.length,
        href: this.handlers.hrefOf(hit),
        onOpen: this.handlers.onOpen,
      });
      if (index === this.current) item.hitLink.tabIndex = 0;
      this.tiles.set(index, item);
      // Document order is the order of Tab and of screen readers.
      let after;
      for (const [other, node] of this.tiles)
        if (other > index && (after === undefined || other < after.index))
          after = { index: other, node };
      this.list.insertBefore(item, after?.node ?? null);
    }
    placeTile(item, box, hit);
  }
}
