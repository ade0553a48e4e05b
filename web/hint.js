// The note beside the results, and the button that gets a model which suits the pictures.

import { offeredModel } from './api.js';
import { el } from './dom.js';
import { bytes } from './format.js';

export class Hint {
  /**
   * @param {HTMLElement} place
   * @param {{ onTake: () => void }} handlers
   */
  constructor(place, { onTake }) {
    this.place = place;
    this.text = undefined;
    /** The text that was dismissed; it may appear again after a reload. */
    this.dismissed = undefined;
    this.button = el('button', { type: 'button', class: 'take', on: { click: onTake } });
    this.close = el('button', {
      type: 'button',
      class: 'close',
      text: '×',
      'aria-label': 'Hide this note',
      on: { click: () => this.#dismiss() },
    });
  }

  /**
   * @param {string | undefined} text  what the last answer says; undefined hides the note
   * @param {object | undefined} health  says whether there is a model to offer
   */
  show(text, health) {
    this.text = text;
    this.place.hidden = text === undefined || text === this.dismissed;
    if (this.place.hidden) return;
    const isOffered = health?.offered_model !== undefined;
    this.place.replaceChildren(
      el('span', { text }),
      ...(isOffered ? [this.button] : []),
      this.close,
    );
    if (isOffered) void this.#nameCost();
  }

  hide() {
    this.place.hidden = true;
  }

  async #nameCost() {
    this.button.textContent ||= 'Get a model for photographs';
    const { bytes: cost } = await offeredModel().catch(() => ({}));
    if (cost === undefined) return;
    this.button.textContent =
      cost === 0 ? 'Use the model for photographs' : `Get a model for photographs (${bytes(cost)})`;
  }

  #dismiss() {
    this.dismissed = this.text;
    this.hide();
  }
}
