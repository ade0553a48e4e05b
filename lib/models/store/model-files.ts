/**
 * Files that a model folder of each kind must have, the check that none lies outside, and the identity of
 * a model: the SHA-256 over the hashes of its weight files.
 */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { graphFile, type Dtype } from '../dtype';
import { oncePerFile, sumOfFile } from '../file-hash';
import { isSafeRelativePath } from '../names';
import { readExternalDataNames } from '../onnx/onnx-file';
import { readSignature, type Signature } from '../onnx/onnx-signature';

/** `any`: as its config.json says. */
export type ModelKind = 'clip' | 'sentence' | 'video' | 'audio' | 'any';

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];
const PROCESSOR_FILE = 'preprocessor_config.json';

/**
 * The files that a model of this kind needs, relative to its folder, with `/`. For a CLIP, one tower is
 * enough, or one graph with both.
 */
export function requiredFiles(
  kind: ModelKind,
  dtype: Dtype,
  has: (name: string) => boolean,
): readonly string[] {
  const single = graphFile('model', dtype);
  switch (kind) {
    case 'any':
      return ['config.json'];
    case 'sentence':
      return ['config.json', ...TOKENIZER_FILES, single];
    case 'video':
    case 'audio':
      return ['config.json', PROCESSOR_FILE, single];
    case 'clip':
      break;
  }
  const [vision, text] = [graphFile('vision_model', dtype), graphFile('text_model', dtype)];
  const isApart = has(vision) || has(text);
  const isNone = !isApart && !has(single);
  return [
    'config.json',
    ...(isNone || has(vision) || !isApart ? [PROCESSOR_FILE] : []),
    ...(isNone || has(text) || !isApart ? TOKENIZER_FILES : []),
    ...(isNone ? [vision, text] : []),
  ];
}

export async function missingFiles(
  folder: string,
  kind: ModelKind = 'clip',
  dtype: Dtype = 'fp32',
): Promise<string[]> {
  const graphs = (['vision_model', 'text_model', 'model'] as const).map((stem) =>
    graphFile(stem, dtype),
  );
  const there = new Set(await filter(graphs, (name) => isThere(folder, name)));
  const wanted = requiredFiles(kind, dtype, (name) => there.has(name));
  return filter(wanted, async (name) => !(await isThere(folder, name)));
}

async function filter(
  names: readonly string[],
  keep: (name: string) => Promise<boolean>,
): Promise<string[]> {
  const kept = await Promise.all(names.map(keep));
  return names.filter((_, i) => kept[i] === true);
}

function isThere(folder: string, name: string): Promise<boolean> {
  return stat(path.join(folder, name)).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** The graph itself, or a file with its weights, as it was when the model was opened. */
export interface WeightFile {
  /** As the graph names it. */
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  /** See `FileSum`. */
  readonly stamp: string;
}

export interface GraphFile {
  readonly file: string;
  /** Size of all its weight files; decides the number of workers. */
  readonly bytes: number;
  readonly sums: readonly WeightFile[];
  readonly signature: Signature;
}

/** A tower without a file is undefined. */
export interface ClipGraphs {
  readonly vision: GraphFile | undefined;
  readonly text: GraphFile | undefined;
}

/**
 * Checks and hashes the towers. If neither has a file of its own, both are in `onnx/model.onnx`.
 *
 * @param boundary see `inspectGraph`
 * @throws ERR_MODEL_INVALID
 */
export async function inspectClip(
  folder: string,
  boundary: string,
  dtype: Dtype,
): Promise<ClipGraphs> {
  const inspect = (stem: 'vision_model' | 'text_model' | 'model'): Promise<GraphFile | undefined> =>
    inspectGraph(folder, graphFile(stem, dtype), boundary);
  const [vision, text] = [await inspect('vision_model'), await inspect('text_model')];
  if (vision !== undefined || text !== undefined) return { vision, text };
  const both = await inspect('model');
  return { vision: both, text: both };
}

/** The identity of a model: SHA-256 over the hashes of all weight files, in name order. */
export function hashOf(graphs: readonly (GraphFile | undefined)[]): string {
  const sums = new Map(
    graphs.flatMap((graph) => graph?.sums ?? []).map(({ name, sha256 }) => [name, sha256]),
  );
  const all = createHash('sha256');
  for (const name of [...sums.keys()].sort()) all.update(`${sums.get(name)}\n`);
  return all.digest('hex');
}

/**
 * Checks a graph and hashes it with its weights; undefined if there is no such file.
 *
 * @param name  relative to `folder`, with `/`
 * @param boundary  folder that must contain all files once links are followed: the folder itself, or the
 *   repository in the hub's cache, whose snapshots link to its blobs
 * @throws ERR_MODEL_INVALID
 */
export async function inspectGraph(
  folder: string,
  name: string,
  boundary: string,
): Promise<GraphFile | undefined> {
  if (!(await isThere(folder, name))) return undefined;
  const root = await realpath(boundary);
  const file = path.join(folder, name);
  await refuseOutside(file, root, file);
  // Before hashing: the errors of the parser explain more.
  const { externals, signature } = await headOf(file);
  const own = await sumOfFile(file);
  let bytes = own.size;
  const { sha256, stamp } = own;
  const sums: WeightFile[] = [{ name: path.basename(file), file, sha256, stamp }];
  for (const external of externals) {
    const weights = await externalFile(file, external, root);
    const sum = await sumOfFile(weights);
    bytes += sum.size;
    sums.push({ name: external, file: weights, sha256: sum.sha256, stamp: sum.stamp });
  }
  return { file, bytes, sums, signature };
}

/** The path of an external data file, checked to be inside the model's folder. */
async function externalFile(model: string, name: string, root: string): Promise<string> {
  if (!isSafeRelativePath(name)) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${model} names ${JSON.stringify(name)} as its weights, outside its folder: refused`,
      { details: { file: model, location: name } },
    );
  }
  const file = path.join(path.dirname(model), ...name.split('/'));
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || !info.isFile()) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${model} holds only the graph; its weights file ${JSON.stringify(name)} is missing beside it`,
      { details: { file: model, location: name } },
    );
  }
  await refuseOutside(file, root, model);
  return file;
}

async function refuseOutside(file: string, root: string, model: string): Promise<void> {
  const real = await realpath(file);
  if (real.startsWith(root + path.sep)) return;
  throw makeError(
    'ERR_MODEL_INVALID',
    `${file} is a link to ${real}, outside the model's folder: put the file itself there`,
    { details: { file, real, model } },
  );
}

const headOf = oncePerFile((file) => ({
  externals: readExternalDataNames(file),
  signature: readSignature(file),
}));
