// What the large view says of a result, and what can be done with it.

import { at, el, icon } from './dom.js';
import { bytes, count, day, exactClock, fileName, similarity, wholePath } from './format.js';
import { videoAddress } from './stage.js';

const PLAY = 'M6 4.5v11l9-5.5z';
const ORIGINAL = {
  '': 'Show original',
  loading: 'Loading the original',
  shown: 'Original shown',
  failed: 'Not for browsers: download it',
};

/**
 * @param {object} hit
 * @param {{ index: number, total: number, root: string | undefined, original: string }} context
 * @param {Record<'play' | 'similar' | 'original' | 'copyPath' | 'copyLink', () => void>} run
 * @returns {Node[]}
 */
export function details(hit, { index, total, root, original }, run) {
  const isVideo = hit.video_id !== null;
  const folder = hit.media_path.slice(0, -fileName(hit.media_path).length).replace(/\/$/, '');
  return [
    el('p', { class: 'place', text: `${index + 1} of ${count(total, 'result')}` }),
    el('h2', { text: fileName(hit.media_path), title: hit.media_path }),
    folder === '' ? undefined : el('p', { class: 'folder', text: `${folder}/` }),
    el(
      'p',
      { class: 'meter' },
      el('span', { class: 'what', text: 'Similarity' }),
      el('span', { class: 'bar', style: { '--value': String(hit.similarity) } }),
      el('b', { text: similarity(hit.similarity) }),
    ),
    el('dl', {}, ...rows(hit)),
    actions(hit, isVideo, original, run, root),
  ].filter((node) => node !== undefined);
}

function rows(hit) {
  const size =
    hit.media_width === null ? undefined : `${hit.media_width} × ${hit.media_height} pixels`;
  return [
    ['Time', hit.timestamp === null ? undefined : exactClock(hit.timestamp)],
    hit.captured_at === null
      ? ['Changed', hit.modified_at === null ? undefined : day(hit.modified_at)]
      : ['Taken', day(hit.captured_at)],
    ['Original', size],
    ['File', hit.size_bytes === null ? undefined : bytes(hit.size_bytes)],
    ['Cosine', hit.cosine.toFixed(4)],
    ['Frame', String(hit.frame_id)],
    ['Media', hit.media_id],
  ].flatMap(([name, value]) =>
    value === undefined
      ? []
      : [el('dt', { text: name }), el('dd', { text: value, class: name === 'Media' ? 'id' : '' })],
  );
}

function actions(hit, isVideo, original, run, root) {
  const action = (label, key, onClick, { cls = '', path = undefined, isOff = false } = {}) =>
    el(
      'button',
      { type: 'button', class: `action ${cls}`, disabled: isOff, on: { click: onClick } },
      path === undefined ? undefined : icon(path),
      el('span', { text: label }),
      el('kbd', { text: key, 'aria-hidden': 'true' }),
    );
  return el(
    'div',
    { class: 'actions' },
    isVideo
      ? action(`Play from ${exactClock(hit.timestamp)}`, 'Space', run.play, {
          cls: 'main',
          path: PLAY,
        })
      : action(ORIGINAL[original], 'O', run.original, {
          cls: 'main original',
          isOff: original !== '',
        }),
    action('More like this', 'S', run.similar, { cls: 'wide' }),
    action('Copy path', 'P', run.copyPath, { cls: 'path' }),
    action('Copy link', 'C', run.copyLink, { cls: 'copy' }),
    isVideo
      ? el('a', {
          class: 'action',
          href: videoAddress(hit),
          target: '_blank',
          rel: 'noopener',
          text: 'Open video',
        })
      : undefined,
    el('a', {
      class: 'action',
      href: at(`${hit.media_url}?download=1`),
      download: '',
      text: 'Download',
      title: wholePath(hit.media_path, root),
    }),
  );
}

/** The moments of a folded video in the order of time. */
export function moments(hit, shown, onMoment) {
  const { others = 0, moments: more = [] } = hit;
  if (more.length === 0) return undefined;
  const all = [hit, ...more].sort((a, b) => a.timestamp - b.timestamp);
  const left = others - more.length;
  return el(
    'div',
    { class: 'moments', role: 'group', 'aria-label': 'Moments of this video' },
    ...all.map((moment) => {
      const isShown = moment.frame_id === shown;
      return el(
        'button',
        {
          type: 'button',
          class: 'moment',
          'aria-label': `${exactClock(moment.timestamp)}, similarity ${similarity(moment.similarity)}`,
          'aria-current': isShown ? 'true' : undefined,
          on: { click: () => onMoment(moment.frame_id) },
        },
        el('img', { src: at(`${moment.frame_url}?w=160`), alt: '', loading: 'lazy' }),
        el('span', { text: exactClock(moment.timestamp), 'aria-hidden': 'true' }),
      );
    }),
    left > 0
      ? el('span', { class: 'rest', text: `and ${left.toLocaleString('en')} more` })
      : undefined,
  );
}
