// The viewer: one result in full size, with its details and actions.

import { el, icon } from './dom.js';
import { count, describe, exactClock, fileName, similarity } from './format.js';

const ARROW_LEFT = 'M12.5 4 6.5 10l6 6';
const ARROW_RIGHT = 'm7.5 4 6 6-6 6';
const CROSS = 'm5 5 10 10M15 5 5 15';
const PLAY = 'M6 4.5v11l9-5.5z';

export class Viewer {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {{ onMove: (step: number) => void, onClose: () => void, onSimilar: (hit: object) => void }} handlers
   */
  constructor(dialog, handlers) {
    this.dialog = dialog;
    this.handlers = handlers;
    this.hit = undefined;
    this.stage = el('div', { class: 'stage' });
    this.panel = el('div', { class: 'panel' });
    const button = (label, cls, path, run) =>
      el(
        'button',
        { type: 'button', class: cls, 'aria-label': label, title: label, on: { click: run } },
        icon(path),
      );
    this.previous = button('Previous result', 'go left', ARROW_LEFT, () => handlers.onMove(-1));
    this.next = button('Next result', 'go right', ARROW_RIGHT, () => handlers.onMove(1));
    this.close = button('Close', 'shut', CROSS, () => handlers.onClose());
    dialog.append(
      el('div', { class: 'view' }, this.stage, this.previous, this.next, this.panel, this.close),
    );
    dialog.addEventListener('cancel', (event) => {
      // Closing goes through the address, so that Back and Esc agree.
      event.preventDefault();
      handlers.onClose();
    });
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) handlers.onClose();
    });
    this.#swipes();
  }

  get isOpen() {
    return this.dialog.open;
  }

  /**
   * @param {object} hit
   * @param {number} index  of the hit among the results
   * @param {number} total
   */
  show(hit, index, total) {
    this.hit = hit;
    this.previous.disabled = index <= 0;
    this.next.disabled = index >= total - 1;
    this.stage.replaceChildren(
      el('img', {
        src: hit.frame_url,
        alt: describe(hit),
        width: hit.width,
        height: hit.height,
        draggable: false,
      }),
    );
    this.panel.replaceChildren(...this.#details(hit, index, total));
    this.dialog.setAttribute('aria-label', describe(hit));
    if (!this.dialog.open) {
      this.dialog.showModal();
      // Not a button of it: arrows and Space are the viewer's shortcuts.
      this.dialog.focus();
    }
  }

  hide() {
    this.hit = undefined;
    this.stage.replaceChildren();
    if (this.dialog.open) this.dialog.close();
  }

  /** Plays the video from the hit's timestamp, or toggles pause. */
  play() {
    const hit = this.hit;
    if (hit === undefined || hit.video_id === null) return;
    const playing = this.stage.querySelector('video');
    if (playing !== null) {
      if (playing.paused) void playing.play();
      else playing.pause();
      return;
    }
    const video = el('video', {
      src: videoAddress(hit),
      poster: hit.frame_url,
      controls: true,
      playsInline: true,
      preload: 'auto',
      width: hit.width,
      height: hit.height,
    });
    video.addEventListener('error', () => {
      const gone = el('p', { class: 'trouble', role: 'alert' });
      gone.textContent = 'This browser cannot play the file. Its frame is shown instead.';
      video.replaceWith(el('img', { src: hit.frame_url, alt: describe(hit) }), gone);
    });
    this.stage.replaceChildren(video);
    video.play().catch(() => undefined); // If autoplay is refused, the controls remain.
  }

  similar() {
    if (this.hit !== undefined) this.handlers.onSimilar(this.hit);
  }

  async copyLink() {
    const button = this.panel.querySelector('.copy');
    try {
      await navigator.clipboard.writeText(location.href);
      if (button) button.textContent = 'Copied';
    } catch {
      if (button) button.textContent = 'Copy the address bar instead';
    }
  }

  #details(hit, index, total) {
    const action = (label, key, run, cls = '', path = undefined) =>
      el(
        'button',
        { type: 'button', class: `action ${cls}`, on: { click: run } },
        path === undefined ? undefined : icon(path),
        label,
        el('kbd', { text: key, 'aria-hidden': 'true' }),
      );
    const folder = hit.media_path.slice(0, -fileName(hit.media_path).length).replace(/\/$/, '');
    return [
      el('p', { class: 'place', text: `${index + 1} of ${count(total, 'result')}` }),
      el('h2', { text: fileName(hit.media_path), title: hit.media_path }),
      el('p', { class: 'folder', text: folder === '' ? hit.media_path : `${folder}/` }),
      el(
        'p',
        { class: 'meter' },
        el('span', { class: 'what', text: 'Similarity' }),
        el('span', { class: 'bar', style: { '--value': String(hit.similarity) } }),
        el('b', { text: similarity(hit.similarity) }),
      ),
      el(
        'dl',
        {},
        ...[
          ['Cosine', hit.cosine.toFixed(4)],
          ['Time', hit.timestamp === null ? undefined : exactClock(hit.timestamp)],
          ['Kind', hit.type === 'video' ? 'Video' : 'Picture'],
          ['Frame', String(hit.frame_id)],
          ['Size', `${hit.width} × ${hit.height}`],
        ].flatMap(([name, value]) =>
          value === undefined ? [] : [el('dt', { text: name }), el('dd', { text: value })],
        ),
      ),
      el(
        'div',
        { class: 'actions' },
        hit.video_id === null
          ? undefined
          : action(
              `Play from ${exactClock(hit.timestamp)}`,
              'Space',
              () => this.play(),
              'main',
              PLAY,
            ),
        action('More like this', 'S', () => this.similar(), hit.video_id === null ? 'main' : ''),
        action('Copy link', 'C', () => void this.copyLink(), 'copy'),
        el('a', {
          class: 'action',
          href: hit.video_id === null ? hit.frame_url : videoAddress(hit),
          target: '_blank',
          rel: 'noopener',
          text: hit.video_id === null ? 'Open the picture' : 'Open the video',
        }),
      ),
    ];
  }

  /** A horizontal swipe over the picture moves to the next or previous result. */
  #swipes() {
    let from;
    this.stage.addEventListener('pointerdown', (event) => {
      from = event.pointerType === 'touch' ? event.clientX : undefined;
    });
    this.stage.addEventListener('pointerup', (event) => {
      if (from === undefined) return;
      const moved = event.clientX - from;
      from = undefined;
      if (Math.abs(moved) > 50) this.handlers.onMove(moved < 0 ? 1 : -1);
    });
  }
}

/** Address of the video at the hit's timestamp (a media fragment). */
const videoAddress = (hit) => `/video/${hit.video_id}#t=${Number(hit.timestamp.toFixed(3))}`;
