// What the large view shows: a frame, its original, or the playing video.

import { at, el } from './dom.js';
import { describe } from './format.js';
import { Zoom } from './zoom.js';

export class Stage {
  /** @param {{ onSwipe: (step: number) => void, onOriginal: (state: string) => void }} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    this.node = el('div', { class: 'stage' });
    this.zoom = new Zoom(this.node, () => this.showOriginal());
    this.hit = undefined;
    /** '' | 'loading' | 'shown' | 'failed' */
    this.original = '';
    this.#swipes();
  }

  show(hit) {
    this.hit = hit;
    this.original = '';
    const image = el('img', {
      src: at(hit.frame_url),
      alt: describe(hit),
      width: hit.width,
      height: hit.height,
      draggable: false,
    });
    this.node.replaceChildren(image);
    this.zoom.attach(image);
  }

  clear() {
    this.hit = undefined;
    this.node.replaceChildren();
    this.zoom.attach(undefined);
  }

  /** Loads the original of a picture and puts it in the place of the stored frame. */
  showOriginal() {
    const { hit } = this;
    if (hit === undefined || hit.video_id !== null || this.original !== '') return;
    this.#say('loading');
    const image = el('img', {
      alt: describe(hit),
      draggable: false,
      width: hit.media_width ?? hit.width,
      height: hit.media_height ?? hit.height,
    });
    const isCurrent = () => this.hit === hit && this.original === 'loading';
    image.addEventListener('load', () => {
      if (!isCurrent()) return;
      this.node.replaceChildren(image);
      this.zoom.replace(image);
      this.#say('shown');
    });
    image.addEventListener('error', () => {
      if (isCurrent()) this.#say('failed');
    });
    image.src = at(hit.media_url);
  }

  /** Plays the video from the moment shown, or pauses and goes on. */
  play() {
    const { hit } = this;
    if (hit === undefined || hit.video_id === null) return;
    const playing = this.node.querySelector('video');
    if (playing !== null) {
      if (playing.paused) void playing.play();
      else playing.pause();
      return;
    }
    const video = el('video', {
      src: videoAddress(hit),
      poster: at(hit.frame_url),
      controls: true,
      playsInline: true,
      preload: 'auto',
      width: hit.width,
      height: hit.height,
      'aria-label': describe(hit),
    });
    video.addEventListener('error', () => {
      const gone = el('p', { class: 'trouble', role: 'alert' });
      gone.textContent = 'This browser cannot play the file. Its frame is shown instead.';
      video.replaceWith(el('img', { src: at(hit.frame_url), alt: describe(hit) }), gone);
    });
    this.zoom.attach(undefined);
    this.node.replaceChildren(video);
    video.play().catch(() => undefined); // Autoplay refused: the controls are there.
  }

  #say(state) {
    this.original = state;
    this.handlers.onOriginal(state);
  }

  /** A finger that moves sideways over the fitted picture goes to the neighbour. */
  #swipes() {
    let from;
    this.node.addEventListener('pointerdown', (event) => {
      from = event.pointerType === 'touch' && event.isPrimary ? event.clientX : undefined;
    });
    this.node.addEventListener('pointerup', (event) => {
      if (from === undefined || this.zoom.isZoomed) return;
      const moved = event.clientX - from;
      from = undefined;
      if (Math.abs(moved) > 50) this.handlers.onSwipe(moved < 0 ? 1 : -1);
    });
  }
}

/** The video at the hit's moment. */
export const videoAddress = (hit) =>
  at(`/video/${hit.video_id}#t=${Number(hit.timestamp.toFixed(3))}`);
