// The viewer: one result in full size, its other moments, its details and actions.

import { copyText, el, icon } from './dom.js';
import { describe, wholePath } from './format.js';
import { details, moments } from './panel.js';
import { Stage } from './stage.js';

const ARROW_LEFT = 'M12.5 4 6.5 10l6 6';
const ARROW_RIGHT = 'm7.5 4 6 6-6 6';
const CROSS = 'm5 5 10 10M15 5 5 15';

export class Viewer {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {{ onMove: (step: number) => void, onMoment: (frame: number) => void, onClose: () => void,
   *   onSimilar: (hit: object) => void, rootOf: () => string | undefined }} handlers
   */
  constructor(dialog, handlers) {
    this.dialog = dialog;
    this.handlers = handlers;
    this.hit = undefined;
    this.stage = new Stage({
      onSwipe: (step) => handlers.onMove(step),
      onOriginal: () => this.#showPanel(),
    });
    this.strip = el('div', { class: 'strip' });
    this.panel = el('div', {
      class: 'panel',
      tabIndex: 0,
      role: 'region',
      'aria-label': 'Details',
    });
    const button = (label, cls, path, run) =>
      el(
        'button',
        { type: 'button', class: cls, 'aria-label': label, title: label, on: { click: run } },
        icon(path),
      );
    this.previous = button('Previous result', 'go left', ARROW_LEFT, () => handlers.onMove(-1));
    this.next = button('Next result', 'go right', ARROW_RIGHT, () => handlers.onMove(1));
    const close = button('Close', 'shut', CROSS, () => handlers.onClose());
    const left = el(
      'div',
      { class: 'left' },
      this.stage.node,
      this.previous,
      this.next,
      this.strip,
    );
    dialog.append(el('div', { class: 'view' }, left, this.panel, close));
    dialog.addEventListener('cancel', (event) => {
      // Closing goes through the address, so that Back and Esc agree.
      event.preventDefault();
      handlers.onClose();
    });
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) handlers.onClose();
    });
  }

  get isOpen() {
    return this.dialog.open;
  }

  get zoom() {
    return this.stage.zoom;
  }

  /**
   * @param {object} result
   * @param {number} frame  of the result or of one of its moments
   * @param {number} index  of the result among all
   * @param {number} total
   */
  show(result, frame, index, total) {
    const moment = result.moments?.find((each) => each.frame_id === frame);
    this.hit = { ...result, ...moment };
    this.context = { index, total };
    this.previous.disabled = index <= 0;
    this.next.disabled = index >= total - 1;
    this.stage.show(this.hit);
    const strip = moments(result, frame, (other) => this.handlers.onMoment(other));
    const hadFocus = this.strip.contains(document.activeElement);
    this.strip.replaceChildren(...(strip === undefined ? [] : [strip]));
    this.#showPanel();
    this.dialog.setAttribute('aria-label', describe(this.hit));
    if (!this.dialog.open) {
      this.dialog.showModal();
      // Not a button of it: arrows and Space are the viewer's shortcuts.
      this.dialog.focus();
    }
    const current = this.strip.querySelector('[aria-current]');
    current?.scrollIntoView({ block: 'nearest', inline: 'center' });
    if (hadFocus) current?.focus();
  }

  hide() {
    this.hit = undefined;
    this.stage.clear();
    if (this.dialog.open) this.dialog.close();
  }

  play() {
    this.stage.play();
  }

  showOriginal() {
    this.stage.showOriginal();
  }

  similar() {
    if (this.hit !== undefined) this.handlers.onSimilar(this.hit);
  }

  /** To the moment before or after the one shown, in time. */
  stepMoment(step) {
    const all = [...this.strip.querySelectorAll('.moment')];
    all[all.findIndex((each) => each.ariaCurrent === 'true') + step]?.click();
  }

  copyLink() {
    return this.#copy('.copy', location.href);
  }

  copyPath() {
    if (this.hit === undefined) return undefined;
    return this.#copy('.path', wholePath(this.hit.media_path, this.handlers.rootOf()));
  }

  async #copy(place, text) {
    const isCopied = await copyText(text, this.dialog);
    const label = this.panel.querySelector(`${place} span`);
    if (label !== null) label.textContent = isCopied ? 'Copied' : 'This browser refused';
  }

  #showPanel() {
    if (this.hit === undefined) return;
    const had =
      this.panel.contains(document.activeElement) && document.activeElement !== this.panel;
    const { original } = this.stage;
    const context = { ...this.context, original, root: this.handlers.rootOf() };
    const nodes = details(this.hit, context, {
      play: () => this.play(),
      similar: () => this.similar(),
      original: () => this.showOriginal(),
      copyPath: () => void this.copyPath(),
      copyLink: () => void this.copyLink(),
    });
    this.panel.replaceChildren(...nodes);
    // The button that was pressed is gone; the keyboard must not be thrown out of the view.
    if (had) this.dialog.focus();
  }
}
