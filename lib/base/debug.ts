/**
 * Debug lines on standard error, enabled by `NODE_DEBUG=sightline`; free otherwise. Never logs a text, a
 * picture or a URL with a password.
 */
import { debuglog } from 'node:util';

export const debug = debuglog('sightline');
