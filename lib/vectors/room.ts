/** Allocates arrays for results, with an error where memory is short. */
import { makeError } from '../base/errors';
import { native } from '../native';

/** Smaller arrays are allocated without asking. */
const LARGE_BYTES = 1 << 16;
/** Headroom for V8, whose collector copies live objects. */
const SPARE_BYTES = 1 << 22;

export interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): T;
}

/**
 * A new array. Asks the system first: V8 ends the process when even a garbage collection does not find the
 * memory.
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

/** Throws as `room`. */
export function copyOf<T extends ArrayLike<number> & { set(from: T): void }>(
  Type: ArrayType<T>,
  from: T,
): T {
  const copy = room(Type, from.length);
  copy.set(from);
  return copy;
}

/** The numbers `first`, `first` + 1, ... Throws as `room`. */
export function countFrom(first: number, length: number): Uint32Array {
  const numbers = room(Uint32Array, length);
  for (let i = 0; i < length; i++) numbers[i] = first + i;
  return numbers;
}

function noRoom(length: number, cause?: unknown): Error {
  return makeError('ERR_NO_MEMORY', `no memory for an array of ${length} numbers`, { cause });
}
