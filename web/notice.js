// Shown instead of results: the start, an empty library, nothing found, an error.

import { el } from './dom.js';
import { count } from './format.js';

/** Example queries: the built-in model knows drawn scenes, others know photographs. */
const EXAMPLES = {
  builtin: [
    'a red circle',
    'two blue squares',
    'a yellow star at night',
    'striped triangles',
    'a heart on grass',
  ],
  other: [
    'a dog on the beach',
    'people laughing at a table',
    'red car at night',
    'snow on mountains',
    'a birthday cake',
  ],
};

/**
 * @param {HTMLElement} place
 * @param {{ onExample: (text: string) => void, onRetry: () => void }} handlers
 */
export function notices(place, handlers) {
  const show = (kind, ...children) => {
    place.className = `notice ${kind}`;
    place.hidden = false;
    place.replaceChildren(...children.filter((child) => child !== undefined));
  };
  const examples = (health) =>
    el(
      'p',
      { class: 'examples' },
      ...EXAMPLES[
        health?.model === undefined || health.model === 'builtin' ? 'builtin' : 'other'
      ].map((text) =>
        el('button', { type: 'button', text, on: { click: () => handlers.onExample(text) } }),
      ),
    );
  const command = (text) => el('code', { text });

  return {
    hide() {
      place.hidden = true;
      place.replaceChildren();
    },

    start(health) {
      const what = [
        health?.images > 0 ? count(health.images, 'picture') : '',
        health?.videos > 0 ? count(health.videos, 'video') : '',
      ].filter((part) => part !== '');
      const frames = health?.frames === undefined ? '' : count(health.frames, 'searchable frame');
      show(
        'start',
        el('img', { src: './icon.svg', alt: '', width: 76, height: 76 }),
        el('h2', { text: 'Find the moment' }),
        el('p', {
          text: 'Say what it looks like, or paste, drop or choose a picture that resembles it. Nothing leaves this machine.',
        }),
        examples(health),
        health === undefined
          ? undefined
          : el('p', {
              class: 'figures',
              text: [...what, frames].filter((part) => part !== '').join('  ·  '),
            }),
      );
    },

    emptyLibrary(health) {
      const isReading = health?.pending > 0 || health?.sync?.state === 'running';
      show(
        'empty',
        el('h2', {
          text: isReading ? 'Reading your files' : 'Nothing to search yet',
        }),
        isReading
          ? el('p', {
              text: 'Results appear as files are finished.',
            })
          : el(
              'p',
              {},
              'Put pictures or videos into the folder and run ',
              command('sightline sync'),
              ' there.',
            ),
        isReading
          ? undefined
          : el('button', {
              type: 'button',
              class: 'action main',
              text: 'Look again',
              on: { click: handlers.onRetry },
            }),
      );
    },

    nothingFound(state, health) {
      show(
        'nothing',
        el('h2', { text: 'Nothing found' }),
        el('p', {
          text:
            state.type === ''
              ? 'No frame resembles that. Try other words.'
              : `No ${state.type === 'image' ? 'picture' : 'video'} matches. Try again with everything shown.`,
        }),
        examples(health),
      );
    },

    lostPicture() {
      show(
        'nothing',
        el('h2', { text: 'The picture is gone' }),
        el('p', {
          text: 'A picture you searched with stays in its browser tab. Paste or drop it again.',
        }),
      );
    },

    error(error) {
      show(
        'error',
        el('h2', { text: error.status === 0 ? 'No answer' : 'That did not work' }),
        el('p', { text: error.message, role: 'alert' }),
        error.code === undefined ? undefined : el('p', { class: 'figures', text: error.code }),
        el('button', {
          type: 'button',
          class: 'action main',
          text: 'Try again',
          on: { click: handlers.onRetry },
        }),
      );
    },
  };
}
