/** `VectorIndex.importFrom`: builds an index from an index file of another engine, or leaves nothing. */
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted } from '../../../base/abort';
import { codeOf, isLibraryError, makeError } from '../../../base/errors';
import { MAX_EF } from '../../../base/limits';
import {
  FUNCTION,
  oneOf,
  readOptions,
  SIGNAL,
  wrongType,
  type OptionRules,
} from '../../../base/options';
import { CREATE_OPTIONS, THREADS } from '../../arguments/option-rules';
import type { CreateOptions, Metric } from '../../types';
import { checkPath } from '../../arguments/validate';
import type { VectorIndex } from '../../vector-index';
import { ByteFile, unsupported } from '../byte-file';
import type { ForeignFormat, ForeignIndex } from './foreign-index';
import { isHnswlib, openHnswlib } from './hnswlib-file';
import { isUsearch, openUsearch } from './usearch-file';
import { syncFolder } from '../../../base/files/safe-file';
import { fileError } from '../../../base/files/system-errors';

export interface ImportOptions extends Omit<CreateOptions, 'dim'> {
  /** Default: detected from the content. */
  readonly format?: ForeignFormat;
  /** Default: what the file says. hnswlib's files do not; there 'l2' is 'euclidean' and 'ip' is 'dot'. */
  readonly metric?: Metric;
  /** The expected dim; ERR_DIM_MISMATCH if the file has another. */
  readonly dim?: number;
  /** Linking threads; default one per core. */
  readonly threads?: number;
  /** Checked between commits of a few thousand rows; after an abort nothing is left. */
  readonly signal?: AbortSignal;
  /** Records of the file, including deleted ones. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The facade imports this file, so it passes in what is needed of it. */
interface IndexFactory {
  create(options: CreateOptions): Promise<VectorIndex>;
  open(folder: string): Promise<VectorIndex>;
}

const READERS: Record<ForeignFormat, (file: ByteFile) => Promise<ForeignIndex>> = {
  hnswlib: openHnswlib,
  usearch: openUsearch,
};

const IMPORT_OPTIONS: OptionRules<ImportOptions> = {
  ...CREATE_OPTIONS,
  format: oneOf(Object.keys(READERS) as ForeignFormat[]),
  threads: THREADS,
  signal: SIGNAL,
  onProgress: FUNCTION,
};

export async function importIndex(
  factory: IndexFactory,
  name: string,
  given: ImportOptions,
): Promise<VectorIndex> {
  const options = readOptions('options', given, IMPORT_OPTIONS);
  const { format, path: folder } = options;
  const full = path.resolve(checkPath('path', name));
  const target = folder === undefined ? undefined : path.resolve(folder);
  const file = await ByteFile.open(full);
  try {
    const source = await READERS[format ?? (await formatOf(file))](file);
    const parameters = parametersFor(file, source, options);
    if (target === undefined) return await fill(factory, file, source, parameters, options);
    return await fillFolder(factory, file, source, { ...parameters, path: target }, options);
  } finally {
    await file.close();
  }
}

async function formatOf(file: ByteFile): Promise<ForeignFormat> {
  if (file.path.endsWith('.usearch') || (await isUsearch(file))) return 'usearch';
  if (await isHnswlib(file)) return 'hnswlib';
  throw unsupported(file.path, 'neither an hnswlib nor a usearch index file');
}

const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

/** The file's value, unless the caller gave one or it is out of our range. */
function parametersFor(
  file: ByteFile,
  source: ForeignIndex,
  options: ImportOptions,
): CreateOptions {
  const { dim, M, efConstruction } = source;
  if (dim > 8192) throw unsupported(file.path, `its vectors have ${dim} values, more than 8192`);
  if (options.dim !== undefined && options.dim !== dim) {
    throw makeError('ERR_DIM_MISMATCH', `${file.path} has dim ${dim}, not ${options.dim}`, {
      details: { path: file.path, dim, expected: options.dim },
    });
  }
  const metric = options.metric ?? source.metric;
  if (metric === undefined) {
    throw wrongType('metric', `given, as ${source.metricProblem ?? 'the file has none'}`, metric);
  }
  return {
    dim,
    metric,
    M: options.M ?? (M === undefined ? undefined : clamp(M, 2, 128)),
    efConstruction:
      options.efConstruction ??
      (efConstruction === undefined ? undefined : clamp(efConstruction, 1, MAX_EF)),
    seed: options.seed,
    label: options.label,
    storage: options.storage,
  };
}

/** A new open index with all live rows. Closed again if anything fails. */
async function fill(
  factory: IndexFactory,
  file: ByteFile,
  source: ForeignIndex,
  parameters: CreateOptions,
  { threads, signal, onProgress }: ImportOptions,
): Promise<VectorIndex> {
  const index = await factory.create(parameters);
  try {
    let done = 0;
    const mayGoOn = (): void =>
      throwIfAborted(signal, `aborted after ${done} of ${source.rows} rows; nothing was kept`, {
        rows: done,
      });
    mayGoOn();
    for await (const block of source.blocks()) {
      mayGoOn();
      await index
        .add(block.vectors, { keys: block.keys, threads })
        .catch((error: unknown) => rethrowWithRows(file, done, block.done, error));
      done = block.done;
      onProgress?.(done, source.rows);
    }
    return index;
  } catch (error) {
    // Report the first error.
    await index.close().catch(() => undefined);
    throw error;
  }
}

/** The message counts vectors from the block's first live row: say where that is. */
function rethrowWithRows(file: ByteFile, first: number, end: number, error: unknown): never {
  if (!isLibraryError(error)) throw error;
  const { path } = file;
  throw makeError(error.code, `${path}, live rows from ${first} to ${end - 1}: ${error.message}`, {
    details: { ...error.details, path, firstRow: first, endRow: end },
    cause: error,
  });
}

/** The same in a folder, which appears once it is complete. */
async function fillFolder(
  factory: IndexFactory,
  file: ByteFile,
  source: ForeignIndex,
  parameters: CreateOptions & { readonly path: string },
  options: ImportOptions,
): Promise<VectorIndex> {
  const target = parameters.path;
  const hasFolder = await assertFree(target);
  const beside = await makeBeside(target);
  try {
    const index = await fill(factory, file, source, { ...parameters, path: beside }, options);
    await index.close();
    if (hasFolder) await rmdir(target);
    await rename(beside, target);
    await syncFolder(path.dirname(target));
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw fileError(target, 'written', error);
  }
  return factory.open(target);
}

/** True if it exists and is empty. */
async function assertFree(target: string): Promise<boolean> {
  const names = await readdir(target).catch((error: unknown) => {
    const mapped = fileError(target, 'looked into', error);
    if (codeOf(mapped) === 'ERR_FILE_MISSING') return undefined;
    throw mapped;
  });
  if (names === undefined) return false;
  if (names.length === 0) return true;
  throw makeError('ERR_FILE_EXISTS', `${target} is not empty`, { details: { path: target } });
}

async function makeBeside(target: string): Promise<string> {
  try {
    await mkdir(path.dirname(target), { recursive: true });
    return await mkdtemp(`${target}.import-`);
  } catch (error) {
    throw fileError(target, 'written', error);
  }
}
