// Requests to the server. A failure is an ApiError with the server's code and message.
import { at } from './dom.js';

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(at(path), { headers: { accept: 'application/json' }, ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(
      0,
      'OFFLINE',
      'The server does not answer. Is `sightline serve` still running?',
    );
  }
  if (response.ok) return response.status === 204 ? undefined : response.json();
  const body = await response.json().catch(() => undefined);
  throw new ApiError(
    response.status,
    body?.error?.code ?? 'UNKNOWN',
    body?.error?.message ?? `The server answered ${response.status}.`,
  );
}

const optionsOf = (state) => {
  const params = new URLSearchParams({ k: String(state.k) });
  if (state.type !== '') params.set('type', state.type);
  if (!state.each) params.set('fold', 'true');
  return params;
};

/**
 * @param {import('./state.js').State} state
 * @param {Blob | undefined} picture  for a search by picture
 * @param {AbortSignal} signal
 */
export function search(state, picture, signal) {
  const params = optionsOf(state);
  if (picture !== undefined) {
    const form = new FormData();
    // Fields before the file: the server knows them when the picture arrives.
    for (const [name, value] of params) form.set(name, value);
    form.set('image', picture, 'picture');
    return ask('/search', { method: 'POST', body: form, signal });
  }
  if (state.like !== undefined) return ask(`/similar/${state.like}?${params}`, { signal });
  params.set('q', state.q.trim());
  return ask(`/search?${params}`, { signal });
}

export const health = () => ask('/health');

/** The model for photographs: its name, and the bytes to download. */
export const offeredModel = () => ask('/model');

export const changeModel = () => ask('/model', { method: 'POST' });

export const openSession = (token) =>
  ask('/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
