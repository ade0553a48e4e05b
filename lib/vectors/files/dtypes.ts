/** Number types of files: width, array type, and conversion to floats. */
import { types } from 'node:util';
import { toFloats } from '../arguments/input';
import { room } from '../room';

/** numpy's short names. `f2` is held as IEEE 754 binary16 bits. */
export type Dtype = 'f4' | 'f2' | 'f8' | 'i1' | 'u1' | 'i4' | 'u4' | 'i8' | 'u8';

/** Plus bfloat16, which files of other engines hold and numpy lacks. */
export type StoredType = Dtype | 'bf16';

/** Values as stored; float16 and bfloat16 as their bits. */
export type Values =
  | Float32Array
  | Uint16Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const ARRAYS = {
  f4: Float32Array,
  f2: Uint16Array,
  f8: Float64Array,
  i1: Int8Array,
  u1: Uint8Array,
  i4: Int32Array,
  u4: Uint32Array,
  i8: BigInt64Array,
  u8: BigUint64Array,
  bf16: Uint16Array,
} as const;

export const isDtype = (name: string): name is Dtype =>
  Object.hasOwn(ARRAYS, name) && name !== 'bf16';

export const widthOf = (type: StoredType): number => ARRAYS[type].BYTES_PER_ELEMENT;

/** The name for an array's type; undefined for unsupported ones. */
export function dtypeOf(values: unknown): Dtype | undefined {
  for (const [name, type] of Object.entries(ARRAYS)) {
    if (isOfType(values, type.name) && isDtype(name)) return name;
  }
  return undefined;
}

const isOfType = (values: unknown, name: string): boolean =>
  types.isTypedArray(values) && values[Symbol.toStringTag] === name;

/** Views the bytes as numbers, without a copy: `bytes` must span its whole buffer. */
export function valuesOf(type: StoredType, bytes: Uint8Array): Values {
  return new ARRAYS[type](bytes.buffer as ArrayBuffer);
}

/** 64-bit whole numbers do not fit a float: they are keys, not vectors. */
export const hasFloats = (type: StoredType): boolean => type !== 'i8' && type !== 'u8';

/** The same array for `f4`, else a rounded copy. Not for types without floats. */
export function floatsOf(type: StoredType, values: Values): Float32Array {
  if (types.isFloat32Array(values)) return values;
  if (type === 'bf16') {
    // bfloat16 is the upper half of a float32.
    const floats = room(Float32Array, values.length);
    const bits = new Uint32Array(floats.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = (values[i] as number) << 16;
    return floats;
  }
  if (types.isUint16Array(values)) return toFloats(values);
  const floats = room(Float32Array, values.length);
  floats.set(values as Exclude<Values, BigInt64Array | BigUint64Array>);
  return floats;
}
