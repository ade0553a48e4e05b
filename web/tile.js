// One result in the grid.

import { at, el, icon } from './dom.js';
import { clock, fileName, nameParts, similarity } from './format.js';

const PLAY = 'M6 4.5v11l9-5.5z';
const STACK = 'M7 3.5h9.5V13M4 6.5h9.5v10H4z';

/**
 * @param {object} hit
 * @param {{ index: number, total: number, href: string, onOpen: (index: number) => void }} context
 * @returns {HTMLLIElement}
 */
export function makeTile(hit, { index, total, href, onOpen }) {
  const image = el('img', {
    alt: '',
    decoding: 'async',
    draggable: false,
    on: {
      load: () => image.classList.add('ready'),
      error: () => frame.classList.add('broken'),
    },
  });
  const frame = el('span', { class: 'picture' }, image, ...marks(hit));
  const [head, tail] = nameParts(fileName(hit.media_path));
  // Its words are its label, in the order in which they are read.
  const link = el(
    'a',
    {
      class: 'tile',
      href,
      tabIndex: -1,
      title: hit.media_path,
      on: {
        click: (event) => {
          // Ctrl, Shift and middle clicks open a new tab or window, as for any link.
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
          event.preventDefault();
          onOpen(index);
        },
      },
    },
    frame,
    el(
      'span',
      { class: 'caption' },
      el(
        'span',
        { class: 'name' },
        el('span', { class: 'head', text: head }),
        el('span', { text: tail }),
      ),
      el('span', { class: 'bar', style: { '--value': String(hit.similarity) } }),
      el('span', { class: 'sr', text: ', similarity ' }),
      el('span', { class: 'score', text: similarity(hit.similarity) }),
    ),
  );
  const item = el(
    'li',
    { 'aria-setsize': String(total), 'aria-posinset': String(index + 1) },
    link,
  );
  return Object.assign(item, { hitLink: link, hitImage: image, hitFrame: frame });
}

/** The moment of a video, and how many others there are. */
function marks(hit) {
  if (hit.timestamp === null) return [];
  const time = el('span', { class: 'time' }, icon(PLAY), clock(hit.timestamp));
  if (!(hit.others > 0)) return [time];
  const all = `${(hit.others + 1).toLocaleString('en')}`;
  return [
    el(
      'span',
      { class: 'stack' },
      icon(STACK),
      all,
      el('span', { class: 'sr', text: ' moments, best at ' }),
    ),
    time,
  ];
}

/** Places a tile and requests a picture of its size. */
export function placeTile(item, box, hit) {
  item.style.transform = `translate(${box.x.toFixed(1)}px, ${box.y.toFixed(1)}px)`;
  item.style.width = `${box.width.toFixed(1)}px`;
  item.hitFrame.style.height = `${box.height.toFixed(1)}px`;
  // Only two sizes, so that resizing the window is served from the browser's cache.
  const isSmall = Math.max(box.width, box.height) * devicePixelRatio <= 256;
  const source = at(isSmall ? `${hit.frame_url}?w=256` : hit.frame_url);
  if (item.hitImage.getAttribute('src') !== source) item.hitImage.src = source;
}
