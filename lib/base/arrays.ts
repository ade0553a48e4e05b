/** Typed arrays as callers give them. */
import { makeError, type LibraryError } from './errors';

type TypedArray = NodeJS.TypedArray;

/**
 * Refuses an array whose buffer was transferred, or is resizable and shrank: it would look empty. A
 * SharedArrayBuffer is accepted, because its contents are copied before use.
 *
 * @throws ERR_ARG_TYPE
 */
export function checkPresent<T extends TypedArray>(name: string, array: T): T {
  if (array.length === 0 && isGone(array)) throw gone(name);
  return array;
}

/** Elements [start, end) of an array that was checked before an await. @throws ERR_ARG_TYPE */
export function partOf<T extends TypedArray>(
  name: string,
  array: T,
  start: number,
  end: number,
): T {
  const part = array.length === 0 && end > 0 ? undefined : (array.subarray(start, end) as T);
  if (part?.length !== end - start) throw gone(name);
  return part;
}

/** Arrays that are detached or out of bounds throw from every method; empty ones do not. */
function isGone(array: TypedArray): boolean {
  try {
    array.keys();
    return false;
  } catch {
    return true;
  }
}

function gone(name: string): LibraryError {
  return makeError(
    'ERR_ARG_TYPE',
    `${name} was detached or its buffer shrank: its memory was transferred (postMessage, structuredClone) ` +
      'or resized. Pass a copy, or wait for the call to end',
    { details: { name } },
  );
}

/** @throws ERR_KEY_EXISTS for a duplicate key */
export function checkDistinct(keys: Iterable<number | bigint | string>): void {
  const seen = new Set<number | bigint | string>();
  for (const key of keys) {
    if (seen.has(key))
      throw makeError('ERR_KEY_EXISTS', `duplicate key ${key}`, { details: { key } });
    seen.add(key);
  }
}

/** The bytes of a vector, shared with it. */
export const bytesOfVector = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);

/** A copy, since the bytes may start anywhere. @param bytes  whole float32 values, little-endian */
export const vectorOfBytes = (bytes: Uint8Array): Float32Array =>
  new Float32Array(new Uint8Array(bytes).buffer);
