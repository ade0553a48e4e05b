/** `embed`: embeddings of texts, pictures, audio or video files, without a library. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ResolvedConfig } from '../../config';
import { writeVectors } from '../../engine';
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import { openAudioEmbedder, openEmbeddingService, openVideoEmbedder } from '../../service';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../output/format';
import type { Io } from '../output/io';
import { startSession, type Flags } from '../session';

type Kind = 'text' | 'image' | 'audio' | 'video';

/** Concurrent inputs: enough to fill batches; audio and video start an ffmpeg each. */
const AT_ONCE: Readonly<Record<Kind, number>> = { text: 32, image: 32, audio: 2, video: 2 };

interface Source {
  readonly model: string;
  readonly dim: number;
  embed(input: string): Promise<Float32Array>;
  close(): Promise<void>;
}

interface Outcome {
  readonly input: string;
  readonly vector?: Float32Array;
  readonly error?: { readonly code: string; readonly message: string };
}

export async function runEmbedVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [kind, ...inputs] = words as [Kind, ...string[]];
  const { config } = startSession(undefined, flags, io);
  const npy = flags.npy as string | undefined;
  const source = await openSource(kind, config, io);
  const shown: object[] = [];
  const rows: Float32Array[] = [];
  let failures = 0;
  const show = ({ input, vector, error }: Outcome): void => {
    if (error !== undefined) {
      failures++;
      io.problem(`${printable(input)}: ${error.message}`);
    }
    const position =
      npy === undefined ? { embedding: vector && Array.from(vector) } : { row: rows.length };
    const line = vector === undefined ? { input, error } : { input, ...position };
    if (vector !== undefined && npy !== undefined) rows.push(vector);
    if (io.isJson) shown.push(line);
    else if (vector !== undefined) io.line(JSON.stringify(line));
  };
  try {
    for await (const part of inParts(inputs, AT_ONCE[kind]))
      for (const outcome of await embedPart(source, part)) show(outcome);
  } finally {
    await source.close();
  }
  if (npy !== undefined) await writeRows(npy, rows, source.dim);
  if (io.isJson) io.json({ model: source.model, dim: source.dim, results: shown });
  return failures > 0 ? EXIT.partial : EXIT.ok;
}

async function openSource(
  kind: Kind,
  { settings, origins }: ResolvedConfig,
  io: Io,
): Promise<Source> {
  const onNotice = (line: string): void => io.note(`note: ${printable(line)}`);
  const encoder = { device: settings.device, onNotice };
  const chosen = origins.model.from === 'default' ? undefined : settings.model;
  if (kind === 'audio' || kind === 'video') {
    const open = kind === 'audio' ? openAudioEmbedder : openVideoEmbedder;
    const files = await open(chosen, encoder);
    return { ...files, model: files.model.id };
  }
  // A --model flag is for this command's kind of input. From elsewhere, `model` is for pictures if there
  // is a `textModel`.
  const isOfTexts = origins.model.from === 'flag' || settings.textModel === undefined;
  const textModel = isOfTexts ? chosen : settings.textModel;
  const service = await openEmbeddingService({
    ...(kind === 'image'
      ? { model: settings.model }
      : { model: 'builtin', textModel: textModel ?? 'builtin' }),
    cache: settings.cache ?? 'disk',
    encoder,
    onNotice,
  });
  const isText = kind === 'text';
  return {
    model: service.models[isText ? 'instruction' : 'image'].id,
    dim: isText ? service.instructionDim : service.imageDim,
    embed: async (input) =>
      isText
        ? service.getInstructionEmbedding(input)
        : service.getImageEmbedding(await bytesOf(input)),
    close: () => service.cleanup(),
  };
}

/** The arguments, or the lines of standard input, in parts of `size`. */
async function* inParts(inputs: readonly string[], size: number): AsyncGenerator<string[]> {
  let part: string[] = [];
  for (const input of inputs) {
    const lines =
      input === '-' ? createInterface({ input: process.stdin, crlfDelay: Infinity }) : [input];
    for await (const line of lines) {
      if (line.trim() === '') continue;
      part.push(line);
      if (part.length < size) continue;
      yield part;
      part = [];
    }
  }
  if (part.length > 0) yield part;
}

/** One call per input, so that a damaged one fails alone; the encoder batches them. */
function embedPart(source: Source, part: readonly string[]): Promise<Outcome[]> {
  return Promise.all(
    part.map(async (input): Promise<Outcome> => {
      try {
        return { input, vector: await source.embed(input) };
      } catch (error) {
        if (!isLibraryError(error) || !OF_ONE_INPUT.test(error.code)) throw error;
        return { input, error: { code: error.code, message: error.message } };
      }
    }),
  );
}

/** Errors of one input; others, such as a missing model, end the command. */
const OF_ONE_INPUT = /^ERR_(MEDIA_|ARG_|ENCODE$|IO$|TIMEOUT$)/;

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw makeError('ERR_IO', `could not be read: ${messageOf(cause)}`, { cause });
  }
}

/** Row i belongs to the input printed with `row: i`. */
async function writeRows(file: string, rows: readonly Float32Array[], dim: number): Promise<void> {
  const data = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => data.set(row, i * dim));
  await writeVectors(path.resolve(file), data, dim, { format: 'npy' });
}
