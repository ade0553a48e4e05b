/**
 * Just enough of a WebAssembly assembler to write the two inner loops of the resizer with SIMD: a
 * module that imports one memory and exports functions of 32-bit parameters without results.
 *
 * Why not the native addon: that is the vector engine's, and loads nothing of pictures; why not a
 * compiled file: two loops do not earn a second toolchain.
 */

export type Code = readonly number[];

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest & 127) | 128);
  }
}

/** Signed LEB128 of a 32-bit value. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const isLast = (rest >= -64 && rest < 0) || (rest >= 0 && rest < 64);
    bytes.push((rest & 127) | (isLast ? 0 : 128));
    if (isLast) return bytes;
  }
}

const I32 = 0x7f;
const V128 = 0x7b;
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
/** Alignment 2^0, offset as given: no address in here is aligned. */
const memory = (offset: number): number[] => [0, ...unsigned(offset)];

/** Instructions: each takes the code of its operands and returns code that leaves its result. */
export const op = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)],
  const: (value: number): Code => [0x41, ...signed(value)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  sub: (a: Code, b: Code): Code => [...a, ...b, 0x6b],
  lessThan: (a: Code, b: Code): Code => [...a, ...b, 0x48],
  load: (at: Code): Code => [...at, 0x28, ...memory(0)],
  store: (at: Code, value: Code): Code => [...at, ...value, 0x36, ...memory(0)],
  /** Runs the body, then again while `condition` is not zero. */
  doWhile: (body: Code, condition: Code): Code => [
    ...[0x03, 0x40],
    ...body,
    ...condition,
    ...[0x0d, 0x00, 0x0b],
  ],
  load128: (at: Code): Code => [...at, ...simd(0x00), ...memory(0)],
  store128: (at: Code, value: Code): Code => [...at, ...value, ...simd(0x0b), ...memory(0)],
  /** Four bytes into the first lane, zero elsewhere. */
  load32Zero: (at: Code, offset = 0): Code => [...at, ...simd(0x5c), ...memory(offset)],
  load32Splat: (at: Code, offset = 0): Code => [...at, ...simd(0x09), ...memory(offset)],
  splat32: (value: Code): Code => [...value, ...simd(0x11)],
  firstLane32: (value: Code): Code => [...value, ...simd(0x1b), 0],
  add32x4: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xae)],
  mul32x4: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xb5)],
  shiftRight32x4: (a: Code, bits: number): Code => [...a, ...op.const(bits), ...simd(0xac)],
  low8to16: (a: Code): Code => [...a, ...simd(0x89)],
  high8to16: (a: Code): Code => [...a, ...simd(0x8a)],
  low16to32: (a: Code): Code => [...a, ...simd(0xa9)],
  high16to32: (a: Code): Code => [...a, ...simd(0xaa)],
  /** Saturating, so that together they clamp to 0..255. */
  narrow32to16: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x85)],
  narrow16to8: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x66)],
};

export interface WasmFunction {
  readonly name: string;
  /** Parameters are locals 0..parameters-1, then come the integers, then the vectors. */
  readonly parameters: number;
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const text = (value: string): Code => sized([...Buffer.from(value)]);

/** Bytes of a module that imports `env.memory` and exports the functions. */
export function buildModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map((f) => [
    0x60,
    ...list(Array.from({ length: f.parameters }, () => [I32])),
    ...list([]),
  ]);
  const code = functions.map((f) =>
    sized([
      ...list([
        [...unsigned(f.integers), I32],
        [...unsigned(f.vectors), V128],
      ]),
      ...f.body,
      0x0b,
    ]),
  );
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(types)),
    ...section(2, list([[...text('env'), ...text('memory'), 0x02, 0x00, 0x01]])),
    ...section(3, list(functions.map((_, i) => unsigned(i)))),
    ...section(7, list(functions.map((f, i) => [...text(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, list(code)),
  ]);
}
