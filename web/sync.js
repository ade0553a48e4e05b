// The line that says how far the server's sync is, or its change of the model. Asks as long as there is something to wait for.

import { health as askHealth } from './api.js';
import { el } from './dom.js';
import { bytes, count } from './format.js';

const WHILE_RUNNING_MS = 1000;
const WHILE_WATCHED_MS = 15_000;

export class SyncLine {
  /**
   * @param {HTMLElement} place
   * @param {{ onHealth: (health: object) => void, onSearchAgain: () => void, onTakeModel: () => void }} handlers
   */
  constructor(place, handlers) {
    this.place = place;
    this.handlers = handlers;
    this.timer = undefined;
    /** Frames that the results on the page could come from. */
    this.seen = undefined;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.timer !== undefined) void this.#ask();
    });
  }

  /** Shows what a new `/health` says, and asks again where it will change. */
  show(health) {
    clearTimeout(this.timer);
    this.timer = undefined;
    const sync = health?.sync;
    if (sync === undefined) return;
    this.seen ??= health.frames;
    const isRunning = sync.state === 'running';
    const pause = isRunning ? WHILE_RUNNING_MS : sync.watch > 0 ? WHILE_WATCHED_MS : undefined;
    if (pause !== undefined) this.timer = setTimeout(() => void this.#ask(), pause);
    this.#draw(health, isRunning);
  }

  /** The results on the page are fresh. */
  settle(frames) {
    this.seen = frames;
    if (this.place.classList.contains('news')) this.place.hidden = true;
  }

  /** A change of the model was refused. */
  refused(error) {
    this.#noModel(error);
    this.place.hidden = false;
  }

  #draw({ sync, frames }, isRunning) {
    const { place } = this;
    if (sync.phase !== undefined) {
      place.hidden = false;
      if (isRunning) this.#change(sync);
      else this.#noModel(sync.error);
      return;
    }
    // A look that finds nothing new is over before anybody could read of it.
    const isAtWork = isRunning && (sync.total === 0 || sync.done < sync.total || sync.frames > 0);
    place.hidden = false;
    if (isAtWork && sync.watch > 0 && sync.total === 0 && frames > 0) place.hidden = true;
    else if (isAtWork) this.#progress(sync);
    else if (sync.state === 'failed')
      this.#say('trouble', `New files could not be read: ${sync.error?.message ?? ''}`);
    else if (frames !== this.seen) this.#news(frames - this.seen);
    else place.hidden = true;
  }

  #progress(sync) {
    const isCounted = sync.total > 0;
    const waiting = sync.frames_total - sync.frames;
    const what = !isCounted
      ? 'Looking for new files'
      : sync.done < sync.total
        ? `Reading your files: ${sync.done.toLocaleString('en')} of ${sync.total.toLocaleString('en')}`
        : `Making ${count(waiting, 'frame')} searchable`;
    const share = isCounted
      ? (sync.done / sync.total + (sync.frames_total > 0 ? sync.frames / sync.frames_total : 1)) / 2
      : 0;
    this.#bar(what, share);
  }

  #change({ phase, done, total }) {
    const isDownload = phase === 'download';
    const what = isDownload
      ? 'Getting the model for photographs'
      : 'Making your frames searchable with it';
    const form = isDownload ? bytes : (n) => n.toLocaleString('en');
    const isCounted = total > 0;
    this.#bar(
      isCounted ? `${what}: ${form(done)} of ${form(total)}` : what,
      isCounted ? done / total : 0,
    );
  }

  #noModel(error) {
    const why = error === undefined ? '' : `: ${error.message} (${error.code})`;
    this.#say('trouble', `The model was not changed${why}`);
    this.#button('Try again', () => this.handlers.onTakeModel());
  }

  #bar(what, share) {
    this.place.className = 'sync';
    this.place.replaceChildren(
      el('span', { text: what }),
      el('progress', { max: 1, value: share, 'aria-label': what }),
    );
  }

  #news(added) {
    const text =
      added > 0
        ? `${count(added, 'new frame')} can be found`
        : `${count(-added, 'frame')} less than before`;
    this.#say('news', text);
    this.#button('Search again', () => this.handlers.onSearchAgain());
  }

  #button(text, click) {
    this.place.append(el('button', { type: 'button', text, on: { click } }));
  }

  #say(kind, text) {
    this.place.className = `sync ${kind}`;
    this.place.replaceChildren(el('span', { text }));
  }

  async #ask() {
    clearTimeout(this.timer);
    // Nobody looks: the next look asks.
    if (document.hidden) return;
    const health = await askHealth().catch(() => undefined);
    if (health === undefined) {
      this.timer = setTimeout(() => void this.#ask(), WHILE_WATCHED_MS);
      return;
    }
    this.handlers.onHealth(health);
    this.show(health);
  }
}
