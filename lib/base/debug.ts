/**
 * What happens inside, for whoever looks for a fault: lines on standard error where `NODE_DEBUG` names
 * `sightline`. Costs nothing otherwise. Never a text, a picture or an address with a password.
 */
import { debuglog } from 'node:util';

export const debug = debuglog('sightline');
