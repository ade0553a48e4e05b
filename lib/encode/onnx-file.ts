/**
 * Looks into an ONNX file before the runtime does: is it one at all, and which other files would the
 * runtime open because of it? Walks the protobuf by seeking, so the weights themselves are not read.
 *
 * Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto,
 * TensorProto, FunctionProto), which never change.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { makeError } from '../errors';

type Kind =
  'model' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse' | 'function' | 'training';

/** Sub-messages that can lead to a tensor: kind -> field number -> kind. */
const CHILDREN: Record<Kind, Readonly<Record<number, Kind>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  tensor: {},
  sparse: { 1: 'tensor', 2: 'tensor' },
  function: { 7: 'node', 11: 'attribute' },
  training: { 1: 'graph', 2: 'graph' },
};
const TENSOR_EXTERNAL_DATA = 13;
const MODEL_GRAPH = 7;
/** If-in-loop-in-if graphs of real exports stay below 10. */
const MAX_DEPTH = 40;
const MAX_FIELDS = 20_000_000;
const MAX_EXTERNAL_FILES = 64;
const WINDOW = 1 << 16;

/** Buffered reads at any offset of one file. */
class FileReader {
  private readonly window = Buffer.allocUnsafe(WINDOW);
  private start = 0;
  private length = 0;
  constructor(
    private readonly fd: number,
    readonly size: number,
  ) {}

  byte(at: number): number {
    if (at < this.start || at >= this.start + this.length) {
      this.start = at;
      this.length = readSync(this.fd, this.window, 0, WINDOW, at);
      if (this.length === 0) throw new RangeError(`the file ends at byte ${at}`);
    }
    return this.window[at - this.start] as number;
  }

  text(from: number, to: number): string {
    const bytes = Buffer.alloc(to - from);
    for (let i = from; i < to; i++) bytes[i - from] = this.byte(i);
    return bytes.toString('utf8');
  }
}

/**
 * Names of the external data files that the model asks for, as written in it, without repeats.
 *
 * @throws ERR_MODEL_INVALID when the file is a Git LFS pointer, a web page, cut off, or no ONNX model
 */
export function readExternalDataNames(file: string): string[] {
  const fd = openSync(file, 'r');
  try {
    const reader = new FileReader(fd, fstatSync(fd).size);
    refuseLookalikes(reader, file);
    const walk = new Walk(reader);
    try {
      walk.message('model', 0, reader.size, 0);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw makeError(
        'ERR_MODEL_INVALID',
        `${file} is damaged or not an ONNX model (${cause.message}); download it again`,
        { details: { file, size: reader.size }, cause },
      );
    }
    if (!walk.hasGraph) {
      throw makeError('ERR_MODEL_INVALID', `${file} is not an ONNX model: it holds no graph`, {
        details: { file, size: reader.size },
      });
    }
    return [...walk.locations];
  } finally {
    closeSync(fd);
  }
}

/** The two commonest bad downloads get a message of their own. */
function refuseLookalikes(reader: FileReader, file: string): void {
  const head = reader.size === 0 ? '' : reader.text(0, Math.min(reader.size, 200));
  if (head.startsWith('version https://git-lfs')) {
    const size = /^size (\d+)$/m.exec(head)?.[1];
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} is a Git LFS pointer, not the model itself${size === undefined ? '' : ` (which has ${size} bytes)`}: ` +
        'run `git lfs pull` where it came from, or download the file again',
      { details: { file, expectedSize: size === undefined ? undefined : Number(size) } },
    );
  }
  if (/^\s*(<!doctype|<html|\{)/i.test(head)) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} is a web page or an error message saved under a model's name; download it again`,
      { details: { file } },
    );
  }
}

class Walk {
  readonly locations = new Set<string>();
  hasGraph = false;
  private fields = 0;
  constructor(private readonly reader: FileReader) {}

  message(kind: Kind, from: number, to: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} messages`);
    let at = from;
    while (at < to) {
      if (++this.fields > MAX_FIELDS) throw new RangeError('too many fields');
      const tag = this.varint(at, to);
      at = tag.end;
      const field = Math.floor(tag.value / 8);
      const wire = tag.value % 8;
      if (field === 0) throw new RangeError(`field number 0 at byte ${at}`);
      if (wire === 0) at = this.varint(at, to).end;
      else if (wire === 1) at += 8;
      else if (wire === 5) at += 4;
      else if (wire === 2) {
        const length = this.varint(at, to);
        at = length.end;
        if (length.value > to - at) {
          throw new RangeError(`field ${field} runs past the end at byte ${at}`);
        }
        this.lengthDelimited(kind, field, at, at + length.value, depth);
        at += length.value;
      } else throw new RangeError(`wire type ${wire} at byte ${at}`);
    }
    if (at !== to) throw new RangeError(`a field runs past the end at byte ${to}`);
  }

  private lengthDelimited(
    kind: Kind,
    field: number,
    from: number,
    to: number,
    depth: number,
  ): void {
    if (kind === 'model' && field === MODEL_GRAPH) this.hasGraph = true;
    if (kind === 'tensor' && field === TENSOR_EXTERNAL_DATA) this.entry(from, to);
    const child = CHILDREN[kind][field];
    if (child !== undefined) this.message(child, from, to, depth + 1);
  }

  /** StringStringEntryProto { 1: key, 2: value }. */
  private entry(from: number, to: number): void {
    const found: Record<number, string> = {};
    let at = from;
    while (at < to) {
      const tag = this.varint(at, to);
      const length = this.varint(tag.end, to);
      const end = length.end + length.value;
      if (tag.value % 8 !== 2 || end > to || length.value > 4096) {
        throw new RangeError(`malformed external data entry at byte ${at}`);
      }
      found[Math.floor(tag.value / 8)] = this.reader.text(length.end, end);
      at = end;
    }
    if (found[1] !== 'location') return;
    this.locations.add(found[2] ?? '');
    if (this.locations.size > MAX_EXTERNAL_FILES) throw new RangeError('too many external files');
  }

  /** Values above 2^53 do not occur in what we read; their size is refused by the caller's bounds. */
  private varint(at: number, to: number): { value: number; end: number } {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10 && at + i < to; i++, scale *= 128) {
      const byte = this.reader.byte(at + i);
      value += (byte & 127) * scale;
      if (byte < 128) return { value, end: at + i + 1 };
    }
    throw new RangeError(`unfinished number at byte ${at}`);
  }
}
