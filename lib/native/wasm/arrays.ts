/** Typed arrays of callers, for `native/addon/arrays_wasm.cc`: a module cannot see memory that is not its own. */
import type { WasmMemory } from './memory';

/** Numbers of `napi_typedarray_type`. */
const TYPES = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
];

type AnyTypedArray = Uint8Array | Float32Array | BigInt64Array;

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
/** Of any realm, and whatever an array claims to be. */
const nameOf = Object.getOwnPropertyDescriptor(TypedArray, Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined;

const bytesOf = (array: AnyTypedArray): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** @param valueOf  the value behind a handle of the call */
export function arrayImports(
  memory: WasmMemory,
  valueOf: (handle: number) => unknown,
): Record<string, (...args: never[]) => number | void> {
  return {
    arrayInfo(handle: number, length: number, bytes: number): number {
      const value = valueOf(handle);
      const type = TYPES.indexOf(nameOf.call(value) ?? '');
      if (type < 0) return -1;
      const array = value as AnyTypedArray;
      const view = memory.view();
      view.setUint32(length >>> 0, array.length, true);
      view.setUint32(bytes >>> 0, array.byteLength, true);
      return type;
    },
    arrayRead(handle: number, to: number): void {
      const from = bytesOf(valueOf(handle) as AnyTypedArray);
      memory.bytes(to, from.length).set(from);
    },
    arrayFill(handle: number, from: number): void {
      const to = bytesOf(valueOf(handle) as AnyTypedArray);
      to.set(memory.bytes(from, to.length));
    },
  };
}
