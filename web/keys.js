// Keyboard shortcuts, and the sheet that lists them.

import { el } from './dom.js';

/** Letters are matched by `code`, so that they work on every keyboard layout; signs by `key`. */
const SHEET = [
  [
    'Everywhere',
    [
      [['/'], 'Type a search'],
      [['Ctrl', 'K'], 'Type a search'],
      [['Ctrl', 'V'], 'Search with the copied picture'],
      [['?'], 'These shortcuts'],
    ],
  ],
  [
    'Results',
    [
      [['←', '→', '↑', '↓'], 'Move'],
      [['Home', 'End'], 'First, last'],
      [['Enter'], 'Open'],
      [['S'], 'More like this'],
    ],
  ],
  [
    'Large view',
    [
      [['←', '→'], 'Previous, next result'],
      [['Space'], 'Play or pause the video'],
      [[',', '.'], 'Moment before, after'],
      [['+', '-', '0'], 'Zoom in, out, fit'],
      [['O'], 'Show the original'],
      [['S'], 'More like this'],
      [['P'], 'Copy the path of the file'],
      [['C'], 'Copy a link to this result'],
      [['Esc'], 'Back to the results'],
    ],
  ],
];

const WAYS = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'home',
  End: 'end',
};

/**
 * @param {object} page
 * @param {import('./grid.js').Grid} page.grid
 * @param {import('./viewer.js').Viewer} page.viewer
 * @param {HTMLInputElement} page.box
 * @param {HTMLDialogElement} page.sheet
 * @param {(step: number) => void} page.onStep   previous or next in the large view
 * @param {(index: number) => void} page.onSimilar
 */
export function listenToKeys(page) {
  fillSheet(page.sheet);
  addEventListener('keydown', (event) => {
    if (event.isComposing || document.querySelector('dialog.sheet[open]:not(#keys)')) return;
    const handled =
      page.viewer.isOpen && !page.sheet.open ? inViewer(page, event) : onPage(page, event);
    if (handled) event.preventDefault();
  });
}

function inViewer({ viewer, onStep }, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const onControl = event.target.closest?.('button, a, video') !== null;
  // The arrow keys seek while the player has the focus.
  if (event.target.closest?.('video')) return false;
  if (event.key === 'ArrowLeft' || event.key === 'ArrowUp') return (onStep(-1), true);
  if (event.key === 'ArrowRight' || event.key === 'ArrowDown') return (onStep(1), true);
  if (event.key === ' ' && !onControl) return (viewer.play(), true);
  if (event.key === ',') return (viewer.stepMoment(-1), true);
  if (event.key === '.') return (viewer.stepMoment(1), true);
  if (event.key === '+' || event.key === '=') return (viewer.zoom.in(), true);
  if (event.key === '-') return (viewer.zoom.out(), true);
  if (event.key === '0') return (viewer.zoom.fit(), true);
  if (event.code === 'KeyO') return (viewer.showOriginal(), true);
  if (event.code === 'KeyP') return (void viewer.copyPath(), true);
  if (event.code === 'KeyS') return (viewer.similar(), true);
  if (event.code === 'KeyC') return (void viewer.copyLink(), true);
  return false;
}

function onPage({ grid, box, sheet, onSimilar }, event) {
  const isTyping = event.target === box;
  if ((event.ctrlKey || event.metaKey) && event.code === 'KeyK') return focusBox(box, sheet);
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (isTyping) {
    if (event.key === 'ArrowDown') return (grid.focus(grid.current), grid.hits.length > 0);
    if (event.key === 'Escape') return (box.blur(), true);
    return false;
  }
  if (event.target.closest?.('input')) return false;
  if (event.key === '/') return focusBox(box, sheet);
  if (event.key === '?') return (sheet.open ? sheet.close() : sheet.showModal(), true);
  if (sheet.open) return false;
  const way = WAYS[event.key];
  if (
    way !== undefined &&
    grid.hits.length > 0 &&
    (grid.hasFocus() || way.length > 4 || way === 'down')
  ) {
    if (!grid.hasFocus()) return (grid.focus(grid.current), true);
    if (way === 'up' && grid.rows[0]?.boxes.some((each) => each.index === grid.current))
      return focusBox(box, sheet);
    return (grid.move(way), true);
  }
  if (event.code === 'KeyS' && grid.hasFocus()) return (onSimilar(grid.current), true);
  return false;
}

function focusBox(box, sheet) {
  if (sheet.open) sheet.close();
  box.focus();
  box.select();
  return true;
}

function fillSheet(sheet) {
  sheet.append(
    el('h2', { text: 'Keyboard shortcuts' }),
    el(
      'div',
      { class: 'columns' },
      ...SHEET.map(([title, rows]) =>
        el(
          'section',
          {},
          el('h3', { text: title }),
          el(
            'dl',
            {},
            ...rows.flatMap(([names, what]) => [
              el('dt', {}, ...names.map((text) => el('kbd', { text }))),
              el('dd', { text: what }),
            ]),
          ),
        ),
      ),
    ),
    el('form', { method: 'dialog' }, el('button', { class: 'action', text: 'Close' })),
  );
  sheet.addEventListener('click', (event) => {
    if (event.target === sheet) sheet.close();
  });
}
