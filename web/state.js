// The state of the page lives in the address: reload, back, forward and a copied link restore it.

/**
 * @typedef {object} State
 * @property {string} q      words
 * @property {number} k      results asked for
 * @property {'' | 'image' | 'video'} type
 * @property {number | undefined} like   frame to search similar frames of
 * @property {boolean} each   every frame of a video is a result of its own
 * @property {string} image  key of a query picture, see picture.js
 * @property {number | undefined} frame  frame shown in the viewer
 */

export const DEFAULT_K = 60;
export const MAX_K = 1000;

const id = (text) => (/^[0-9]{1,15}$/.test(text ?? '') ? Number(text) : undefined);

/** @returns {State} invalid values are replaced by defaults */
export function readState(search = location.search) {
  const params = new URLSearchParams(search);
  const k = id(params.get('k')) ?? DEFAULT_K;
  const type = params.get('type');
  const image = params.get('image') ?? '';
  return {
    q: (params.get('q') ?? '').slice(0, 1024),
    k: Math.min(MAX_K, Math.max(1, k)),
    type: type === 'image' || type === 'video' ? type : '',
    each: params.get('each') === '1',
    like: id(params.get('like')),
    image: /^[0-9a-f]{16}$/.test(image) ? image : '',
    frame: id(params.get('frame')),
  };
}

/** @param {State} state */
export function toAddress(state) {
  const params = new URLSearchParams();
  if (state.image !== '') params.set('image', state.image);
  else if (state.like !== undefined) params.set('like', String(state.like));
  else if (state.q.trim() !== '') params.set('q', state.q);
  if (state.k !== DEFAULT_K) params.set('k', String(state.k));
  if (state.type !== '') params.set('type', state.type);
  if (state.each) params.set('each', '1');
  if (state.frame !== undefined) params.set('frame', String(state.frame));
  const text = params.toString();
  return text === '' ? location.pathname : `?${text}`;
}

/** Identifies the results of a state. */
export const queryKey = (state) => toAddress({ ...state, frame: undefined });

export const hasQuery = (state) =>
  state.image !== '' || state.like !== undefined || state.q.trim() !== '';

/**
 * @param {State} state
 * @param {'push' | 'replace'} how  push makes a history entry
 */
export function writeState(state, how) {
  const address = toAddress(state);
  if (how === 'push' && address !== location.search) {
    // The scroll position, for when Back returns here.
    history.replaceState({ ...history.state, y: scrollY }, '');
    history.pushState({ y: 0, pushed: true }, '', address);
  } else history.replaceState({ ...history.state, y: scrollY }, '', address);
}
