// The dialog that asks for the server's token.

import { openSession } from './api.js';
import { el } from './dom.js';

let asking;

/** @returns {Promise<void>} resolves when the server has accepted the token and set its cookie */
export function askForToken(dialog) {
  asking ??= new Promise((resolve) => {
    const input = el('input', {
      type: 'password',
      id: 'token-text',
      autocomplete: 'current-password',
      required: true,
    });
    const trouble = el('p', { class: 'trouble', role: 'alert' });
    const form = el(
      'form',
      {
        on: {
          submit: async (event) => {
            event.preventDefault();
            try {
              await openSession(input.value);
              dialog.close();
              asking = undefined;
              resolve();
            } catch (error) {
              trouble.textContent = error.message;
              input.select();
            }
          },
        },
      },
      el('h2', { text: 'This library is protected' }),
      el('label', { htmlFor: 'token-text', text: 'Token of the server' }),
      input,
      trouble,
      el('button', { class: 'action main', text: 'Open' }),
    );
    dialog.replaceChildren(form);
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.showModal();
    input.focus();
  });
  return asking;
}
