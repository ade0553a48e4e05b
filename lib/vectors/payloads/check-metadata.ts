/** Checks metadata as callers give it, and makes the JSON text that is stored. */
import { outOfRange, wrongType } from '../../base/options';

/** Bytes of the JSON text of one row. */
export const MAX_METADATA_BYTES = 1 << 20;
const MAX_DEPTH = 32;

/** Characters that are left; a value that shares parts many times must not be written out. */
interface Budget {
  left: number;
}

function tooLarge(name: string, value: unknown): Error {
  return outOfRange(name, `at most ${MAX_METADATA_BYTES} bytes of JSON`, value);
}

function spend(budget: Budget, size: number, name: string, value: unknown): void {
  budget.left -= size;
  if (budget.left < 0) throw tooLarge(name, value);
}

/** The property, and each of its parts, is read once: what was checked is what is stored. */
function copyOf(name: string, value: unknown, depth: number, budget: Budget): unknown {
  spend(budget, 1, name, value);
  switch (typeof value) {
    case 'string':
      spend(budget, value.length, name, value);
      return value;
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw outOfRange(name, 'a finite number, because JSON has no other', value);
    case 'object':
      break;
    default:
      throw wrongType(name, 'a string, number, boolean, null, array or plain object', value);
  }
  if (value === null) return null;
  if (depth === MAX_DEPTH) {
    throw outOfRange(name, `nested at most ${MAX_DEPTH} deep, and no cycle`, value);
  }
  if (Array.isArray(value)) {
    const out: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      out.push(copyOf(`${name}[${i}]`, value[i], depth + 1, budget));
    }
    return out;
  }
  return copyOfObject(name, value, depth, budget);
}

function copyOfObject(name: string, value: object, depth: number, budget: Budget): object {
  const isPlain =
    Object.prototype.toString.call(value) === '[object Object]' &&
    typeof (value as { toJSON?: unknown }).toJSON !== 'function';
  if (!isPlain) throw wrongType(name, 'a plain object (a Date: its number or text)', value);
  // Without a prototype, so that `__proto__` is a property like others.
  const out = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key];
    if (part === undefined) continue;
    spend(budget, key.length, name, value);
    out[key] = copyOf(`${name}.${key.slice(0, 64)}`, part, depth + 1, budget);
  }
  return out;
}

/**
 * @returns JSON text; empty for undefined and null
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE (too large, too deep, cyclic, not finite)
 */
export function checkMetadata(name: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw wrongType(name, 'a plain object', value);
  }
  const text = JSON.stringify(copyOf(name, value, 0, { left: MAX_METADATA_BYTES }));
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) throw tooLarge(name, value);
  return text === '{}' ? '' : text;
}

/** One per row. */
export function checkAllMetadata(name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw wrongType(name, 'an array of objects, one per vector', value);
  // Array.from: a hole counts as undefined.
  return Array.from(value, (one: unknown, i) => checkMetadata(`${name}[${i}]`, one));
}
