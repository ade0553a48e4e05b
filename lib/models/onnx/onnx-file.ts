/**
 * Inspects an ONNX file before the runtime opens it: whether it is valid, and which external files the
 * runtime would open. Seeks through the protobuf without reading the weights.
 *
 * Field numbers are those of onnx.proto and never change.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { isError, isLibraryError, makeError } from '../../base/errors';
import { FileReader, protoFields, WIRE, type ProtoField } from './protobuf';

type Kind =
  'model' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse' | 'function' | 'training';

/** Sub-messages that can contain a tensor: kind -> field number -> kind. */
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
/** Nested graphs (If, Loop) of real exports stay below 10. */
const MAX_DEPTH = 40;
const MAX_FIELDS = 20_000_000;
const MAX_EXTERNAL_FILES = 64;
const MAX_ENTRY_BYTES = 4096;

/**
 * Distinct names of the model's external data files, as written in it.
 *
 * @throws ERR_MODEL_INVALID for a Git LFS pointer, a web page, a truncated file, or no ONNX model
 */
export function readExternalDataNames(file: string): string[] {
  return readOnnx(file, (reader) => {
    const walk = new Walk(reader);
    walk.message('model', 0, reader.size, 0);
    if (!walk.hasGraph) {
      throw makeError('ERR_MODEL_INVALID', `${file} is not an ONNX model: it holds no graph`, {
        details: { file, size: reader.size },
      });
    }
    return [...walk.locations];
  });
}

/** Opens an ONNX file for `read` and converts its RangeErrors, which name the invalid offset. */
export function readOnnx<T>(file: string, read: (reader: FileReader) => T): T {
  const fd = openSync(file, 'r');
  try {
    const reader = new FileReader(fd, fstatSync(fd).size);
    refuseLookalikes(reader, file);
    try {
      return read(reader);
    } catch (cause) {
      if (!isError(cause) || cause.name !== 'RangeError' || isLibraryError(cause)) throw cause;
      throw makeError(
        'ERR_MODEL_INVALID',
        `${file} is damaged or not an ONNX model (${cause.message}); download it again`,
        { details: { file, size: reader.size }, cause },
      );
    }
  } finally {
    closeSync(fd);
  }
}

/** The two most common bad downloads get messages of their own. */
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
    for (const field of protoFields(this.reader, from, to)) {
      if (++this.fields > MAX_FIELDS) throw new RangeError('too many fields');
      if (field.wire !== WIRE.bytes) continue;
      if (kind === 'model' && field.number === MODEL_GRAPH) this.hasGraph = true;
      if (kind === 'tensor' && field.number === TENSOR_EXTERNAL_DATA) this.entry(field);
      const child = CHILDREN[kind][field.number];
      if (child !== undefined) this.message(child, field.from, field.to, depth + 1);
    }
  }

  /** StringStringEntryProto { 1: key, 2: value }. */
  private entry({ from, to }: ProtoField): void {
    const found: Record<number, string> = {};
    for (const field of protoFields(this.reader, from, to)) {
      if (field.wire !== WIRE.bytes || field.to - field.from > MAX_ENTRY_BYTES) {
        throw new RangeError(`malformed external data entry at byte ${field.from}`);
      }
      found[field.number] = this.reader.text(field.from, field.to);
    }
    if (found[1] !== 'location') return;
    this.locations.add(found[2] ?? '');
    if (this.locations.size > MAX_EXTERNAL_FILES) throw new RangeError('too many external files');
  }
}
