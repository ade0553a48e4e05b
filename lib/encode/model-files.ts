/**
 * What a model folder must hold, the check that nothing of it lies elsewhere, and its identity: the
 * SHA-256 over the weight files' own sums. The sums are remembered by size and time of change.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../errors';
import { readExternalDataNames } from './onnx-file';

export const VISION_FILE = 'onnx/vision_model.onnx';
export const TEXT_FILE = 'onnx/text_model.onnx';
export const REQUIRED_FILES = [
  'config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  VISION_FILE,
  TEXT_FILE,
] as const;

export interface ModelFiles {
  readonly vision: string;
  readonly text: string;
  readonly sha256: string;
  /** Bytes of all weight files of each tower: what decides how many workers are worth having. */
  readonly visionBytes: number;
  readonly textBytes: number;
}

/** Names of the required files that are not there. */
export async function missingFiles(folder: string): Promise<string[]> {
  const found = await Promise.all(
    REQUIRED_FILES.map((name) =>
      stat(path.join(folder, name)).then(
        (info) => info.isFile(),
        () => false,
      ),
    ),
  );
  return REQUIRED_FILES.filter((_, i) => found[i] !== true);
}

/**
 * Checks both towers and hashes them.
 *
 * @param boundary folder that holds everything of the model once links are followed: the folder
 *   itself, or in the hub's cache the repository, whose snapshots link to its blobs
 * @throws ERR_MODEL_INVALID
 */
export async function inspectModelFiles(folder: string, boundary: string): Promise<ModelFiles> {
  const root = await realpath(boundary);
  const vision = await inspectTower(path.join(folder, VISION_FILE), root);
  const text = await inspectTower(path.join(folder, TEXT_FILE), root);
  const sums = new Map([...vision.sums, ...text.sums].map((sum) => [sum.name, sum.sha256]));
  const all = createHash('sha256');
  for (const name of [...sums.keys()].sort()) all.update(`${sums.get(name)}\n`);
  return {
    vision: path.join(folder, VISION_FILE),
    text: path.join(folder, TEXT_FILE),
    sha256: all.digest('hex'),
    visionBytes: vision.bytes,
    textBytes: text.bytes,
  };
}

interface Tower {
  readonly bytes: number;
  readonly sums: readonly { name: string; sha256: string }[];
}

async function inspectTower(file: string, root: string): Promise<Tower> {
  await refuseOutside(file, root, file);
  const known = await remembered(file);
  let bytes = known.size;
  const sums = [{ name: path.basename(file), sha256: known.sha256 }];
  for (const name of known.externals) {
    const external = await externalFile(file, name, root);
    const sum = await remembered(external, false);
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

interface Sum {
  readonly stamp: string;
  readonly size: number;
  readonly sha256: string;
  readonly externals: readonly string[];
}
const sumsByPath = new Map<string, Sum>();

/** Hash and external names of a file; read again only when size or time of change differ. */
async function remembered(file: string, isModel = true): Promise<Sum> {
  const info = await stat(file);
  const stamp = `${info.dev}:${info.ino}:${info.size}:${info.mtimeMs}`;
  const known = sumsByPath.get(file);
  if (known !== undefined && known.stamp === stamp) return known;
  const sum: Sum = {
    stamp,
    size: info.size,
    // The walk first: its message says what is wrong, a hash of rubbish says nothing.
    externals: isModel ? readExternalDataNames(file) : [],
    sha256: await hashFile(file),
  };
  sumsByPath.set(file, sum);
  return sum;
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
