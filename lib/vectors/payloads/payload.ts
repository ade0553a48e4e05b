/**
 * The bytes that belong to a row (docs/reference/FORMAT.md): a u16 length, the string key if keys are
 * strings, and the metadata as JSON text. The native core stores them with the row and does not read them.
 */
import { makeError } from '../../base/errors';
import { attempt, type IndexCore } from '../core';
import { room as arrayRoom } from '../room';
import type { Metadata } from '../types';

const HEAD = 2;
/** Larger payloads make the room grow once. */
const SMALL_ROOM = 1 << 16;
/** `kMaxPayloadBytes` of native/format/limits.h. */
const LARGEST = (1 << 20) + 2048;

/** Payloads one after another, as the addon takes them. */
export interface Payloads {
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
}

/**
 * @param keys  one per row, if keys are strings
 * @param metadata  JSON text or its bytes, one per row; empty for none
 */
export function encodePayloads(
  rows: number,
  keys: readonly string[] | undefined,
  metadata: readonly (string | Uint8Array)[] | undefined,
): Payloads {
  const lengths = new Uint32Array(rows);
  let size = 0;
  for (let i = 0; i < rows; i++) {
    const key = Buffer.byteLength(keys?.[i] ?? '');
    const json = Buffer.byteLength(metadata?.[i] ?? '');
    lengths[i] = key + json === 0 ? 0 : HEAD + key + json;
    size += lengths[i] as number;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < rows; i++) {
    if (lengths[i] === 0) continue;
    const key = bytes.write(keys?.[i] ?? '', at + HEAD);
    bytes.writeUInt16LE(key, at);
    at += HEAD + key;
    const json = metadata?.[i] ?? '';
    if (typeof json === 'string') at += bytes.write(json, at);
    else {
      bytes.set(json, at);
      at += json.length;
    }
  }
  return { bytes, lengths };
}

let room = Buffer.alloc(0);

/**
 * Calls `visit` for each row in order.
 *
 * @param visit  gets bytes that are overwritten afterwards; must not read payloads itself
 * @throws ERR_ARG_RANGE for a row that does not exist
 */
export function readPayloads(
  core: IndexCore,
  rows: Uint32Array,
  visit: (payload: Buffer, i: number) => void,
  handle = core.handle,
): void {
  if (room.length === 0) room = Buffer.allocUnsafeSlow(SMALL_ROOM);
  const lengths = arrayRoom(Uint32Array, rows.length);
  for (let first = 0; first < rows.length;) {
    const wanted = rows.subarray(first);
    const done = attempt(() => core.binding.copyPayloads(handle, wanted, room, lengths));
    if (done === 0) {
      room = Buffer.allocUnsafeSlow(LARGEST);
      continue;
    }
    let at = 0;
    for (let i = 0; i < done; i++) {
      const end = at + (lengths[i] as number);
      visit(room.subarray(at, end), first + i);
      at = end;
    }
    first += done;
  }
}

function damaged(core: IndexCore, what: string, cause?: unknown): Error {
  return makeError('ERR_FILE_CORRUPT', `${core.path ?? 'the index'}: ${what}`, { cause });
}

/** Where the metadata begins. */
function endOfKey(core: IndexCore, payload: Buffer): number {
  if (payload.length === 0) return 0;
  const end = payload.length < HEAD ? Infinity : HEAD + payload.readUInt16LE(0);
  if (end <= payload.length) return end;
  throw damaged(core, 'a payload ends within its key');
}

export function keyIn(core: IndexCore, payload: Buffer): string {
  const end = endOfKey(core, payload);
  if (end > HEAD) return payload.toString('utf8', HEAD, end);
  throw damaged(core, 'a row has no string key');
}

/** A copy of the JSON text's bytes; empty for none. */
export function jsonIn(core: IndexCore, payload: Buffer): Uint8Array {
  return new Uint8Array(payload.subarray(endOfKey(core, payload)));
}

export function metadataIn(core: IndexCore, payload: Buffer): Metadata | undefined {
  const start = endOfKey(core, payload);
  if (start === payload.length) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8', start));
  } catch (cause) {
    throw damaged(core, 'the metadata of a row is not JSON', cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Metadata;
  }
  throw damaged(core, 'the metadata of a row is not a JSON object');
}

/** Throws as VectorIndex.metadataOf. */
export function copyMetadata(
  core: IndexCore,
  rows: Uint32Array,
  handle = core.handle,
): (Metadata | undefined)[] {
  const out: (Metadata | undefined)[] = [];
  readPayloads(core, rows, (payload) => out.push(metadataIn(core, payload)), handle);
  return out;
}

/** The string keys of rows, removed ones included. @throws ERR_ARG_RANGE */
export function copyStringKeys(core: IndexCore, rows: Uint32Array, handle = core.handle): string[] {
  const out: string[] = [];
  readPayloads(core, rows, (payload) => out.push(keyIn(core, payload)), handle);
  return out;
}
