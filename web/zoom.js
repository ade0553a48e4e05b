// Zooming into a picture and moving it. The arithmetic is pure numbers; the class listens and applies it.

const MAX_SCALE = 16;
const STEP = 1.5;
/** A double click, when the picture is not zoomed. */
const DOUBLE = 2.5;

/**
 * @typedef {{ scale: number, x: number, y: number }} View
 *   how much larger than fitted, and where the picture's centre is from the stage's, in pixels
 */

/** @type {View} */
export const FITTED = { scale: 1, x: 0, y: 0 };

/** Zooms; the point of the picture under `point` (from the stage's centre) stays where it is. */
export function zoomAt(view, factor, point) {
  const scale = Math.min(MAX_SCALE, Math.max(1, view.scale * factor));
  const share = scale / view.scale;
  return {
    scale,
    x: point.x - (point.x - view.x) * share,
    y: point.y - (point.y - view.y) * share,
  };
}

/** The size of a picture that fits a stage. */
export function fitInto(picture, stage) {
  const share = Math.min(stage.width / picture.width, stage.height / picture.height);
  return { width: picture.width * share, height: picture.height * share };
}

/** Moves a view back so that the picture leaves no gap at an edge that it could cover. */
export function bound(view, fitted, stage) {
  const within = (value, size, room) => {
    const most = Math.max(0, (size * view.scale - room) / 2);
    return Math.min(most, Math.max(-most, value));
  };
  return {
    scale: view.scale,
    x: within(view.x, fitted.width, stage.width),
    y: within(view.y, fitted.height, stage.height),
  };
}

export class Zoom {
  /**
   * @param {HTMLElement} stage
   * @param {() => void} onZoomedIn  more detail is wanted than the fitted picture shows
   */
  constructor(stage, onZoomedIn) {
    this.stage = stage;
    this.onZoomedIn = onZoomedIn;
    /** @type {HTMLImageElement | undefined} */
    this.image = undefined;
    this.view = FITTED;
    /** @type {Map<number, { x: number, y: number }>} fingers or the mouse, where they are */
    this.pointers = new Map();
    stage.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener('dblclick', (event) => this.#onDouble(event));
    stage.addEventListener('pointerdown', (event) => this.#onDown(event));
    stage.addEventListener('pointermove', (event) => this.#onMove(event));
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'])
      stage.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
  }

  get isZoomed() {
    return this.view.scale > 1;
  }

  /** Takes over another picture, fitted; undefined: nothing to zoom. */
  attach(image) {
    this.image = image;
    this.pointers.clear();
    this.#apply(FITTED);
  }

  /** The same picture in other pixels keeps its view. */
  replace(image) {
    this.image = image;
    this.#apply(this.view);
  }

  in() {
    this.#zoom(STEP, { x: 0, y: 0 });
  }

  out() {
    this.#zoom(1 / STEP, { x: 0, y: 0 });
  }

  fit() {
    this.#apply(FITTED);
  }

  #zoom(factor, point) {
    if (this.image === undefined) return;
    this.#apply(zoomAt(this.view, factor, point));
    if (this.isZoomed && factor > 1) this.onZoomedIn();
  }

  #apply(view) {
    const stage = { width: this.stage.clientWidth, height: this.stage.clientHeight };
    const { image } = this;
    this.stage.classList.toggle('zoomed', image !== undefined && view.scale > 1);
    if (image === undefined) {
      this.view = FITTED;
      return;
    }
    const size = { width: image.width || 1, height: image.height || 1 };
    const natural = image.naturalWidth > 0 ? naturalSize(image) : size;
    this.view = bound(view, fitInto(natural, stage), stage);
    const { scale, x, y } = this.view;
    image.style.transform = scale === 1 ? '' : `translate(${x}px, ${y}px) scale(${scale})`;
  }

  #pointOf(event) {
    const box = this.stage.getBoundingClientRect();
    return {
      x: event.clientX - box.left - box.width / 2,
      y: event.clientY - box.top - box.height / 2,
    };
  }

  #onWheel(event) {
    if (this.image === undefined) return;
    event.preventDefault();
    // A notch of a wheel is about 100, a trackpad sends many small steps.
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, -event.deltaY / 250)));
    this.#zoom(factor, this.#pointOf(event));
  }

  #onDouble(event) {
    if (this.image === undefined) return;
    if (this.isZoomed) this.fit();
    else this.#zoom(DOUBLE, this.#pointOf(event));
  }

  #onDown(event) {
    if (this.image === undefined || event.button !== 0) return;
    this.pointers.set(event.pointerId, this.#pointOf(event));
    if (this.isZoomed) this.stage.setPointerCapture(event.pointerId);
  }

  #onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = this.#pointOf(event);
    this.pointers.set(event.pointerId, now);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) {
      const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.#zoom(apart(now) / apart(before), middle);
    } else if (this.isZoomed) {
      const { scale, x, y } = this.view;
      this.#apply({ scale, x: x + now.x - before.x, y: y + now.y - before.y });
    }
  }
}

const naturalSize = ({ naturalWidth, naturalHeight }) => ({
  width: naturalWidth,
  height: naturalHeight,
});
