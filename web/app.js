// The state of the page and everything that changes it. What is visible follows from the address
// and the server's answer; the other modules do not import each other's state.

import { ApiError, changeModel, health as askHealth, search } from './api.js';
import { at, byId, el } from './dom.js';
import { count } from './format.js';
import { Grid } from './grid.js';
import { Hint } from './hint.js';
import { listenToKeys } from './keys.js';
import { notices } from './notice.js';
import { drawPicture, keepPicture, pictureIn, pictureOf } from './picture.js';
import { hasQuery, MAX_K, queryKey, readState, toAddress, writeState } from './state.js';
import { askForToken } from './token.js';
import { SyncLine } from './sync.js';
import { Viewer } from './viewer.js';

const TYPING_PAUSE_MS = 180;
/** Delay of the progress bar, so that fast answers do not flash it. */
const BUSY_AFTER_MS = 150;
const REMEMBERED_ANSWERS = 12;

const box = byId('q');
const grid = new Grid(byId('grid'), {
  hrefOf: (hit) => toAddress({ ...state, frame: hit.frame_id }),
  onOpen: (index) => open(index),
});
const viewer = new Viewer(byId('viewer'), {
  onMove: (step) => moveTo(step),
  onMoment: (frame) => showMoment(frame),
  onClose: () => closeViewer(),
  rootOf: () => health?.root,
  onSimilar: (hit) => searchLike(hit),
});
const notice = notices(byId('notice'), {
  onExample: (text) => go({ q: text, like: undefined, image: '' }),
  onRetry: () => void run({ isFresh: true }),
});

const syncLine = new SyncLine(byId('sync'), {
  onHealth: (news) => noteHealth(news),
  onSearchAgain: () => void run({ isFresh: true }),
  onTakeModel: () => void takeModel(),
});
const hint = new Hint(byId('hint'), { onTake: () => void takeModel() });

let state = readState();
/** `k` of a new query: `Show more` applies to one query only. */
const firstK = state.k;
let health;
/** The results on the page and the query they belong to. */
let shown = { key: '', hits: [] };
/** @type {Map<string, object>} */
const answers = new Map();
let running;
let isTypingStep = false;
/** Debounce timer of the search box. */
let pause;

// ---------------------------------------------------------------- searching

/** Makes the page show the current state. Later calls win over earlier, slower ones. */
async function run({ isFresh = false } = {}) {
  running?.abort();
  const controller = (running = new AbortController());
  showControls();
  if (!hasQuery(state)) {
    showHits('', []);
    byId('status').textContent = '';
    await showStart(isFresh, controller);
    return;
  }
  const key = queryKey(state);
  const picture = state.image === '' ? undefined : pictureOf(state.image);
  if (state.image !== '' && picture === undefined) {
    showHits(key, []);
    notice.lostPicture();
    return;
  }
  try {
    const answer = (!isFresh && answers.get(key)) || (await answerOf(key, picture, controller));
    if (controller !== running) return;
    showAnswer(key, answer);
    if (isFresh) await refreshHealth();
    if (isFresh) syncLine.settle(health?.frames);
  } catch (error) {
    if (controller !== running || error.name === 'AbortError') return;
    if (error instanceof ApiError && error.status === 401) {
      await askForToken(byId('token'));
      await refreshHealth();
      return run();
    }
    showHits(key, []);
    byId('status').textContent = '';
    notice.error(error);
  }
}

async function answerOf(key, picture, controller) {
  byId('grid').ariaBusy = 'true';
  const busy = setTimeout(() => (byId('busy').hidden = false), BUSY_AFTER_MS);
  try {
    const answer = await search(state, picture, controller.signal);
    answers.set(key, answer);
    for (const oldest of answers.keys()) {
      if (answers.size <= REMEMBERED_ANSWERS) break;
      answers.delete(oldest);
    }
    return answer;
  } finally {
    clearTimeout(busy);
    if (controller === running) byId('busy').hidden = true;
  }
}

function showAnswer(key, answer) {
  const hits = answer.results;
  showHits(key, hits);
  byId('busy').hidden = true;
  byId('status').textContent =
    hits.length === 0
      ? 'Nothing found'
      : `${count(hits.length, 'result')}${hits.length >= MAX_K ? ', the most that one search gives,' : ''} in ${answer.took_ms < 10 ? answer.took_ms.toFixed(1) : Math.round(answer.took_ms)} ms`;
  hint.show(answer.hint, health);
  byId('more').hidden = hits.length < state.k || state.k >= MAX_K;
  showCap(hits.length);
  showEach(hits);
  if (hits.length > 0) notice.hide();
  else if (health?.frames === 0) notice.emptyLibrary(health);
  else notice.nothingFound(state, health);
  showViewer();
}

/** What is left out is said, and how to get at it. */
function showCap(shownHits) {
  byId('cap').hidden = shownHits < MAX_K;
  byId('cap').textContent =
    `These are the ${MAX_K.toLocaleString('en')} best. Other words, or only pictures or only videos, show others.`;
}

/** The way from folded videos to every frame, and back. */
function showEach(hits) {
  const others = hits.reduce((sum, hit) => sum + (hit.others ?? 0), 0);
  const button = byId('each');
  button.hidden = !state.each && others === 0;
  button.textContent = state.each
    ? 'Show each video once'
    : `Show every moment (${others.toLocaleString('en')} more)`;
}

/** Gets the model that the note offers; the line of the sync says how far it is. */
async function takeModel() {
  try {
    await changeModel();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    syncLine.refused(error);
    return;
  }
  await refreshHealth();
  hint.show(hint.text, health);
}

function showHits(key, hits) {
  if (key !== shown.key || hits !== shown.hits) {
    shown = { key, hits };
    grid.show(hits);
  }
  byId('grid').ariaBusy = 'false';
  byId('more').hidden = true;
  byId('cap').hidden = true;
  byId('each').hidden = true;
  hint.hide();
  if (hits.length === 0) viewer.hide();
}

async function showStart(isFresh, controller) {
  if (health === undefined || isFresh) await refreshHealth();
  if (controller !== running) return;
  if (health instanceof Error) notice.error(health);
  else if (health?.status === 'empty') notice.emptyLibrary(health);
  else notice.start(health);
}

async function refreshHealth() {
  health = await askHealth().catch((error) => error);
  // A server with a token sends statistics only to clients that have it.
  if (!(health instanceof Error) && health.frames === undefined) {
    await askForToken(byId('token'));
    health = await askHealth().catch((error) => error);
  }
  if (!(health instanceof Error)) syncLine.show(health);
}

/** What the server says of itself while it reads files. */
function noteHealth(news) {
  const isOtherModel = news.model !== health?.model;
  const hasMore = news.frames !== health?.frames || isOtherModel;
  const wasEmpty = health?.status === 'empty';
  const isOffered = news.offered_model !== health?.offered_model;
  health = news;
  if (isOffered && !byId('hint').hidden) hint.show(hint.text, health);
  // Other frames, other answers; what is on the page stays until somebody asks.
  if (hasMore) answers.clear();
  if (!hasQuery(state) && (hasMore || wasEmpty)) {
    if (news.status === 'empty') notice.emptyLibrary(news);
    else notice.start(news);
    syncLine.settle(news.frames);
  } else if (hasQuery(state) && (isOtherModel || (shown.hits.length === 0 && hasMore)))
    void run({ isFresh: true });
}

// ---------------------------------------------------------------- changing the state

/** A new query: a step that Back undoes. */
function go(change, how = 'push') {
  // A pending keystroke must not replace this newer query.
  clearTimeout(pause);
  state = { ...state, k: firstK, frame: undefined, ...change };
  writeState(state, how);
  isTypingStep = false;
  scrollTo(0, 0);
  void run();
}

function onType() {
  clearTimeout(pause);
  pause = setTimeout(() => {
    state = { ...state, k: firstK, q: box.value, like: undefined, image: '', frame: undefined };
    // Typing is one history entry until Enter or until a result is opened.
    writeState(state, isTypingStep ? 'replace' : 'push');
    isTypingStep = true;
    scrollTo(0, 0);
    void run();
  }, TYPING_PAUSE_MS);
}

function searchLike(hit) {
  viewer.hide();
  go({ like: hit.frame_id, q: '', image: '' });
}

async function searchPicture(file) {
  if (file === undefined) return;
  go({ image: await keepPicture(file), q: '', like: undefined });
}

// ---------------------------------------------------------------- viewer

const indexOf = (frame) =>
  shown.hits.findIndex(
    (hit) => hit.frame_id === frame || hit.moments?.some((moment) => moment.frame_id === frame),
  );

/** Another moment of the video that is shown. */
function showMoment(frame) {
  state = { ...state, frame };
  writeState(state, 'replace');
  showViewer();
}

function open(index) {
  clearTimeout(pause);
  state = { ...state, frame: shown.hits[index].frame_id };
  writeState(state, 'push');
  isTypingStep = false;
  showViewer();
}

function moveTo(step) {
  const index = indexOf(state.frame) + step;
  if (shown.hits[index] === undefined) return;
  state = { ...state, frame: shown.hits[index].frame_id };
  writeState(state, 'replace');
  showViewer();
  grid.reveal(index);
}

function closeViewer() {
  const index = indexOf(state.frame);
  // Before grid.focus(): nothing behind an open dialog can take the focus.
  viewer.hide();
  // A page loaded with the viewer open has no entry of its own to go back to.
  if (history.state?.pushed === true) history.back();
  else {
    state = { ...state, frame: undefined };
    writeState(state, 'replace');
    showViewer();
  }
  grid.focus(index);
}

function showViewer() {
  const index = state.frame === undefined ? -1 : indexOf(state.frame);
  if (index < 0) viewer.hide();
  else viewer.show(shown.hits[index], state.frame, index, shown.hits.length);
}

// ---------------------------------------------------------------- controls

function showControls() {
  if (document.activeElement !== box || box.value.trim() !== state.q.trim()) box.value = state.q;
  for (const radio of document.querySelectorAll('input[name=type]'))
    radio.checked = radio.value === state.type;
  const chip = byId('chip');
  const isChip = state.image !== '' || state.like !== undefined;
  chip.hidden = !isChip;
  box.placeholder = isChip ? 'or describe something else' : 'Describe what you are looking for';
  chip.replaceChildren();
  document.title = state.q.trim() === '' ? 'Sightline' : `${state.q.trim()} – Sightline`;
  if (!isChip) return;
  const canvas = el('canvas', { width: 56, height: 56 });
  const blob = state.image === '' ? undefined : pictureOf(state.image);
  if (blob !== undefined) drawPicture(blob, canvas).catch(() => undefined);
  chip.append(
    state.like === undefined
      ? canvas
      : el('img', { src: at(`/frame/${state.like}?w=96`), alt: '' }),
    el('span', { text: state.like === undefined ? 'Your picture' : 'Similar frames' }),
    el('button', {
      type: 'button',
      text: '×',
      'aria-label': 'Remove this query',
      on: { click: () => (go({ image: '', like: undefined, q: '' }), box.focus()) },
    }),
  );
}

box.addEventListener('input', onType);
byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(pause);
  const q = box.value.trim();
  if (q !== state.q.trim())
    go({ q, like: undefined, image: '' }, isTypingStep ? 'replace' : 'push');
  else isTypingStep = false;
  // Hides the on-screen keyboard, which covers the results.
  if (matchMedia('(pointer: coarse)').matches) box.blur();
});
byId('each').addEventListener('click', () => go({ each: !state.each }));
byId('types').addEventListener('change', (event) => go({ type: event.target.value }));
byId('more').addEventListener('click', () => {
  const y = scrollY;
  state = { ...state, k: Math.min(MAX_K, state.k * 4) };
  writeState(state, 'replace');
  void run().then(() => scrollTo(0, y));
});
byId('help').addEventListener('click', () => byId('keys').showModal());
byId('file').addEventListener('change', (event) => {
  void searchPicture(event.target.files[0]);
  event.target.value = '';
});
document.querySelector('.brand').addEventListener('click', (event) => {
  event.preventDefault();
  go({ q: '', image: '', like: undefined, type: '', each: false });
  box.focus();
});

addEventListener('paste', (event) => {
  const file = pictureIn(event.clipboardData);
  if (file === undefined) return;
  event.preventDefault();
  void searchPicture(file);
});
let drags = 0;
const showDrop = (change) => (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  event.preventDefault();
  drags = change === 0 ? 0 : drags + change;
  byId('drop').hidden = drags <= 0;
};
addEventListener('dragenter', showDrop(1));
addEventListener('dragleave', showDrop(-1));
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  showDrop(0)(event);
  void searchPicture(pictureIn(event.dataTransfer));
});

addEventListener('popstate', (event) => {
  clearTimeout(pause);
  state = readState();
  isTypingStep = false;
  const y = event.state?.y ?? 0;
  if (queryKey(state) === shown.key && hasQuery(state)) {
    showControls();
    showViewer();
  } else void run().then(() => scrollTo(0, y));
});

listenToKeys({
  grid,
  viewer,
  box,
  sheet: byId('keys'),
  onStep: (step) => moveTo(step),
  onSimilar: (index) => searchLike(shown.hits[index]),
});
history.scrollRestoration = 'manual';
void refreshHealth().then(() => run());
