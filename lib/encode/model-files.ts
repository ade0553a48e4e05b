/**
 * What a model folder must hold, the check that nothing of it lies elsewhere, and its identity: the
 * SHA-256 over the weight files' own sums. The sums are remembered by size and time of change.
 */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../errors';
import { graphFile, type Dtype } from './dtype';
import { sumOfFile } from './file-hash';
import { readExternalDataNames } from './onnx-file';

/** Side files of a CLIP. */
const SIDE_FILES = [
  'config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
] as const;

/** What a CLIP must have, relative to its folder. */
export function requiredFiles(dtype: Dtype): readonly string[] {
  return [...SIDE_FILES, graphFile('vision_model', dtype), graphFile('text_model', dtype)];
}

export const REQUIRED_FILES = requiredFiles('fp32');

export interface ModelFiles {
  readonly vision: string;
  readonly text: string;
  readonly sha256: string;
  /** Bytes of all weight files of each tower: what decides how many workers are worth having. */
  readonly visionBytes: number;
  readonly textBytes: number;
}

/** Names of the required files that are not there. */
export async function missingFiles(
  folder: string,
  required: readonly string[] = REQUIRED_FILES,
): Promise<string[]> {
  const found = await Promise.all(
    required.map((name) =>
      stat(path.join(folder, name)).then(
        (info) => info.isFile(),
        () => false,
      ),
    ),
  );
  return required.filter((_, i) => found[i] !== true);
}

/**
 * Checks both towers and hashes them.
 *
 * @param boundary folder that holds everything of the model once links are followed: the folder
 *   itself, or in the hub's cache the repository, whose snapshots link to its blobs
 * @param dtype number type of the weights
 * @throws ERR_MODEL_INVALID
 */
export async function inspectModelFiles(
  folder: string,
  boundary: string,
  dtype: Dtype = 'fp32',
): Promise<ModelFiles> {
  const [vision, text] = [graphFile('vision_model', dtype), graphFile('text_model', dtype)];
  const found = await inspectGraphs(folder, boundary, [vision, text]);
  return {
    vision: path.join(folder, vision),
    text: path.join(folder, text),
    sha256: found.sha256,
    visionBytes: found.bytes.get(vision) as number,
    textBytes: found.bytes.get(text) as number,
  };
}

export interface GraphFiles {
  /** Over the sums of all weight files: the identity of the weights. */
  readonly sha256: string;
  /** Graph -> bytes of it and its external data. */
  readonly bytes: ReadonlyMap<string, number>;
}

/**
 * The same for any set of graphs, such as the single one of a sentence encoder.
 *
 * @param graphs relative to `folder`, with `/`
 * @throws ERR_MODEL_INVALID
 */
export async function inspectGraphs(
  folder: string,
  boundary: string,
  graphs: readonly string[],
): Promise<GraphFiles> {
  const root = await realpath(boundary);
  const sums = new Map<string, string>();
  const bytes = new Map<string, number>();
  for (const name of graphs) {
    const graph = await inspectGraph(path.join(folder, name), root);
    for (const sum of graph.sums) sums.set(sum.name, sum.sha256);
    bytes.set(name, graph.bytes);
  }
  const all = createHash('sha256');
  for (const name of [...sums.keys()].sort()) all.update(`${sums.get(name)}\n`);
  return { sha256: all.digest('hex'), bytes };
}

interface Graph {
  readonly bytes: number;
  readonly sums: readonly { name: string; sha256: string }[];
}

async function inspectGraph(file: string, root: string): Promise<Graph> {
  await refuseOutside(file, root, file);
  // The walk before the hash: its message says what is wrong, a hash of rubbish says nothing.
  const externals = await externalNames(file);
  const own = await sumOfFile(file);
  let bytes = own.size;
  const sums = [{ name: path.basename(file), sha256: own.sha256 }];
  for (const name of externals) {
    const external = await externalFile(file, name, root);
    const sum = await sumOfFile(external);
    bytes += sum.size;
    sums.push({ name, sha256: sum.sha256 });
  }
  return { bytes, sums };
}

/** The path of an external data file, once it is known to lie beside the model. */
async function externalFile(model: string, name: string, root: string): Promise<string> {
  const parts = name.split('/');
  const plain =
    name !== '' &&
    !path.isAbsolute(name) &&
    !/[\\:\0]/.test(name) &&
    parts.every((part) => part !== '..' && part !== '.' && part !== '');
  if (!plain) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${model} wants to read its weights from ${JSON.stringify(name)}, outside its folder: refused`,
      { details: { file: model, location: name } },
    );
  }
  const file = path.join(path.dirname(model), ...parts);
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

const namesByPath = new Map<
  string,
  { readonly stamp: string; readonly names: readonly string[] }
>();

/** Walked again only when size or time of change differ. */
async function externalNames(file: string): Promise<readonly string[]> {
  const info = await stat(file);
  const stamp = `${info.dev}:${info.ino}:${info.size}:${info.mtimeMs}`;
  const known = namesByPath.get(file);
  if (known?.stamp === stamp) return known.names;
  const names = readExternalDataNames(file);
  namesByPath.set(file, { stamp, names });
  return names;
}
