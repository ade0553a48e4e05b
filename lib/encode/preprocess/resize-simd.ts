/**
 * The two passes of the resizer in WebAssembly SIMD: the same sums in the same 32-bit arithmetic, so
 * every byte equals the plain passes in resize.ts (a test compares them). Five times as fast:
 * 512x384 to 224x224 takes 0.9 instead of 4.1 ms, to 64x64 0.4 instead of 2.1 ms (AMD EPYC, Node 20).
 *
 * Horizontal: one vector holds R, G, B of a pixel (and a byte of the next, ignored), one weight is
 * spread over it; two taps per turn, so rows of weights are padded with a zero to an even length.
 * Vertical: 16 bytes of a line at once, whatever channels they are.
 *
 * Both read and write a few bytes past their lines, into the next line (written later, or read with
 * weight 0) or into slack at the end of each area.
 */
import { buildModule, op, type WasmFunction } from './wasm-builder';

/** Bytes behind every area that loops may touch. */
const SLACK = 64;
const PAGE = 1 << 16;
/** Pictures whose areas would need more than this take the plain passes: memory never shrinks. */
const MAX_BYTES = 48 << 20;

/** One axis as resize.ts makes it. */
export interface Axis {
  readonly start: Int32Array;
  readonly size: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

const { get, set, add, sub } = op;
const bump = (local: number, by: number) => set(local, add(get(local), op.const(by)));

function horizontalPass(half: number, bits: number): WasmFunction {
  const [SRC, ROWS, SRC_LINE, DST, STARTS, STARTS_END, WEIGHTS, TAPS] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [X, AT, WEIGHT, LEFT] = [8, 9, 10, 11];
  const [SUM, SUM2] = [12, 13];
  const tap = (pixel: number, weight: number) =>
    op.mul32x4(
      op.low16to32(op.low8to16(op.load32Zero(get(AT), pixel))),
      op.load32Splat(get(WEIGHT), weight),
    );
  const zero = op.splat32(op.const(0));
  const total = op.shiftRight32x4(op.add32x4(get(SUM), get(SUM2)), bits);
  const pixel = [
    // STARTS holds byte offsets within a line.
    ...set(AT, add(get(SRC), op.load(get(X)))),
    ...set(LEFT, get(TAPS)),
    ...set(SUM, op.splat32(op.const(half))),
    ...set(SUM2, zero),
    ...op.doWhile(
      [
        ...set(SUM, op.add32x4(get(SUM), tap(0, 0))),
        ...set(SUM2, op.add32x4(get(SUM2), tap(3, 4))),
        ...bump(AT, 6),
        ...bump(WEIGHT, 8),
        ...bump(LEFT, -2),
      ],
      get(LEFT),
    ),
    // Four bytes, the last of which the next pixel overwrites.
    ...op.store(get(DST), op.firstLane32(op.narrow16to8(op.narrow32to16(total, zero), zero))),
    ...bump(DST, 3),
    ...bump(X, 4),
  ];
  const line = [
    ...set(WEIGHT, get(WEIGHTS)),
    ...set(X, get(STARTS)),
    ...op.doWhile(pixel, op.lessThan(get(X), get(STARTS_END))),
    ...set(SRC, add(get(SRC), get(SRC_LINE))),
    ...bump(ROWS, -1),
  ];
  const body = op.doWhile(line, get(ROWS));
  return { name: 'horizontal', parameters: 8, integers: 4, vectors: 2, body };
}

function verticalPass(half: number, bits: number): WasmFunction {
  const [SRC, DST, ROWS, LINE, STARTS, SIZES, WEIGHTS, WEIGHT_LINE] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [X, AT, WEIGHT, LEFT] = [8, 9, 10, 11];
  const [A, B, C, D, SPREAD, PIXELS, WIDE] = [12, 13, 14, 15, 16, 17, 18];
  const accumulate = (sum: number, values: readonly number[]) =>
    set(sum, op.add32x4(get(sum), op.mul32x4(values, get(SPREAD))));
  const result = (sum: number) => op.shiftRight32x4(get(sum), bits);
  const block = [
    ...set(AT, add(get(SRC), add(op.load(get(STARTS)), get(X)))),
    ...set(WEIGHT, get(WEIGHTS)),
    ...set(LEFT, op.load(get(SIZES))),
    ...[A, B, C, D].flatMap((sum) => set(sum, op.splat32(op.const(half)))),
    ...op.doWhile(
      [
        ...set(SPREAD, op.load32Splat(get(WEIGHT))),
        ...set(PIXELS, op.load128(get(AT))),
        ...set(WIDE, op.low8to16(get(PIXELS))),
        ...accumulate(A, op.low16to32(get(WIDE))),
        ...accumulate(B, op.high16to32(get(WIDE))),
        ...set(WIDE, op.high8to16(get(PIXELS))),
        ...accumulate(C, op.low16to32(get(WIDE))),
        ...accumulate(D, op.high16to32(get(WIDE))),
        ...set(AT, add(get(AT), get(LINE))),
        ...bump(WEIGHT, 4),
        ...bump(LEFT, -1),
      ],
      get(LEFT),
    ),
    ...op.store128(
      add(get(DST), get(X)),
      op.narrow16to8(op.narrow32to16(result(A), result(B)), op.narrow32to16(result(C), result(D))),
    ),
    ...bump(X, 16),
  ];
  const line = [
    ...set(X, op.const(0)),
    ...op.doWhile(block, op.lessThan(get(X), get(LINE))),
    ...set(DST, add(get(DST), get(LINE))),
    ...bump(STARTS, 4),
    ...bump(SIZES, 4),
    ...set(WEIGHTS, add(get(WEIGHTS), get(WEIGHT_LINE))),
    ...set(ROWS, sub(get(ROWS), op.const(1))),
  ];
  return {
    name: 'vertical',
    parameters: 8,
    integers: 4,
    vectors: 7,
    body: op.doWhile(line, get(ROWS)),
  };
}

/** What we use of the engine's WebAssembly, which only browser typings declare. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WasmApi {
  validate(bytes: Uint8Array): boolean;
  readonly Memory: new (limits: { initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

type Pass = (...values: number[]) => void;
interface Passes {
  readonly memory: WasmMemory;
  readonly horizontal: Pass;
  readonly vertical: Pass;
}

/** Undefined where the engine has no SIMD. */
export function loadPasses(half: number, bits: number): Passes | undefined {
  const bytes = buildModule([horizontalPass(half, bits), verticalPass(half, bits)]);
  const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
  if (!wasm.validate(bytes)) return undefined;
  const memory = new wasm.Memory({ initial: 32 });
  const { exports } = new wasm.Instance(new wasm.Module(bytes), { env: { memory } });
  return {
    memory,
    horizontal: exports['horizontal'] as Pass,
    vertical: exports['vertical'] as Pass,
  };
}

/** Hands out areas of the memory one behind the other, each with slack, aligned to 16 bytes. */
class Areas {
  private end = 16;
  take(bytes: number): number {
    const at = this.end;
    this.end = (at + bytes + SLACK + 15) & ~15;
    return at;
  }
  get total(): number {
    return this.end;
  }
}

/**
 * Both passes over the rows that `down` needs.
 *
 * @param rgb shape [rows, width, 3], beginning with the first row that is needed
 * @param downStart first input row of each output row, counted from the first needed one
 * @returns shape [outHeight, outWidth, 3]; undefined when the picture is too large for this path
 */
export function resizeSimd(
  passes: Passes,
  rgb: Uint8Array,
  width: number,
  rows: number,
  across: Axis,
  down: Axis,
  downStart: Int32Array,
): Uint8Array | undefined {
  const outWidth = across.start.length;
  const outHeight = down.start.length;
  const line = outWidth * 3;
  const taps = (across.stride + 1) & ~1;
  const areas = new Areas();
  const source = areas.take(rgb.length);
  const middle = areas.take(rows * line);
  const out = areas.take(outHeight * line);
  const acrossStarts = areas.take(outWidth * 4);
  const acrossWeights = areas.take(outWidth * taps * 4);
  const downStarts = areas.take(outHeight * 4);
  const downSizes = areas.take(outHeight * 4);
  const downWeights = areas.take(down.weights.length * 4);
  if (areas.total > MAX_BYTES) return undefined;
  const { memory } = passes;
  const missing = areas.total + across.stride * 3 + SLACK - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));

  new Uint8Array(memory.buffer, source, rgb.length).set(rgb);
  const ints = new Int32Array(memory.buffer);
  for (let x = 0; x < outWidth; x++) {
    ints[acrossStarts / 4 + x] = (across.start[x] as number) * 3;
    const to = acrossWeights / 4 + x * taps;
    ints.fill(0, to, to + taps);
    ints.set(across.weights.subarray(x * across.stride, (x + 1) * across.stride), to);
  }
  for (let y = 0; y < outHeight; y++) ints[downStarts / 4 + y] = (downStart[y] as number) * line;
  ints.set(down.size, downSizes / 4);
  ints.set(down.weights, downWeights / 4);

  passes.horizontal(
    source,
    rows,
    width * 3,
    middle,
    acrossStarts,
    acrossStarts + outWidth * 4,
    acrossWeights,
    taps,
  );
  passes.vertical(
    middle,
    out,
    outHeight,
    line,
    downStarts,
    downSizes,
    downWeights,
    down.stride * 4,
  );
  return new Uint8Array(memory.buffer, out, outHeight * line).slice();
}
