/** Room for what the addon fills and callers get. */
import { makeError } from '../base/errors';
import { native } from '../native';

/** Below this an array is not worth a question. */
const LARGE_BYTES = 1 << 16;
/** What V8 needs to go on: its collector moves what lives. */
const SPARE_BYTES = 1 << 22;

export interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): T;
}

/**
 * A new array. Asks the system first: where it has too little, V8 collects garbage, and where it finds no
 * memory for that either it ends the process.
 *
 * @throws ERR_NO_MEMORY
 */
export function room<T>(Type: ArrayType<T>, length: number): T {
  const bytes = length * Type.BYTES_PER_ELEMENT;
  try {
    if (bytes < LARGE_BYTES || native().hasRoom(bytes + SPARE_BYTES)) return new Type(length);
  } catch (cause) {
    throw noRoom(length, cause);
  }
  throw noRoom(length);
}

function noRoom(length: number, cause?: unknown): Error {
  return makeError('ERR_NO_MEMORY', `no memory for an array of ${length} numbers`, { cause });
}
