/**
 * Verifies models: every file against the lock entry, then the answers to the golden inputs against those
 * first recorded for this machine, provider and number type.
 */
import { isLibraryError, makeError, messageOf } from '../../base/errors';
import { oneOf, readOptions, RECORD, type OptionRules } from '../../base/options';
import { DTYPES, dtypesIn, type Dtype } from '../../models/dtype';
import {
  BUILTIN_MODEL,
  findModel,
  meansFolder,
  type ModelFolder,
} from '../../models/store/model-store';
import { CachedRepository } from '../../models/store/cache';
import { cosineOf, leastCosine, type Golden } from '../../models/store/golden';
import { encodeGolden, readBuiltinGolden } from './golden-encode';
import { listModels } from '../../models/store/list';
import {
  checkLocked,
  commitOf,
  filesOf,
  readLock,
  withEntry,
  writeLock,
} from '../../models/store/lock-file';
import type { FileFinding, LockEntry, ModelLock } from '../../models/store/lock-file';
import { parseModelName, type ModelName } from '../../models/names';
import { hubCacheDir } from '../../models/settings';

export interface VerifyOptions {
  /** Only this number type, and only models that have it; default all pulled ones. */
  readonly dtype?: Dtype | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

const VERIFY_OPTIONS: OptionRules<VerifyOptions> = { dtype: oneOf(DTYPES), env: RECORD };

export interface Drift {
  readonly dtype: Dtype;
  /** Environment of this run. */
  readonly provider: string;
  readonly runtime: string;
  readonly platform: string;
  /** Environment in which the golden vectors were made. */
  readonly golden: Pick<Golden, 'dtype' | 'provider' | 'runtime' | 'platform'>;
  /** True when there were no golden vectors to compare with: they are recorded now. */
  readonly isFirst: boolean;
  readonly items: readonly { readonly name: string; readonly cosine: number }[];
  /** [-1, 1]; NaN when an answer is zero or has another length. */
  readonly worstCosine: number;
  readonly leastCosine: number;
}

export interface ModelVerification {
  readonly id: string;
  readonly revision: string | undefined;
  readonly folder: string;
  readonly isOk: boolean;
  readonly files: readonly FileFinding[];
  readonly drift: readonly Drift[];
  /** One line each; empty when all is well. */
  readonly problems: readonly string[];
  /** What could not be checked, and why. */
  readonly notes: readonly string[];
}

/**
 * Verifies one model, or all that `models list` shows.
 *
 * @throws ERR_MODEL_MISSING when the named model is not here; ERR_ARG_RANGE
 */
export async function verifyModels(
  name: string | undefined,
  given: VerifyOptions = {},
): Promise<readonly ModelVerification[]> {
  const options = readOptions('options', given, VERIFY_OPTIONS);
  if (name !== undefined) return [await verifyModel(name, options)];
  const models = await listModels(options.env ?? process.env);
  const results: ModelVerification[] = [];
  const { dtype } = options;
  const asked = models.filter(
    // A damaged model has no number types, and is reported anyway.
    ({ dtypes }) => dtype === undefined || dtypes.length === 0 || dtypes.includes(dtype),
  );
  // One after the other: each loads weights.
  for (const { id, revision, folder } of asked) {
    results.push(
      await verifyModel(id, options).catch((error: unknown) => {
        if (!isLibraryError(error)) throw error;
        const shared = { id, revision, folder, isOk: false, files: [], drift: [], notes: [] };
        return { ...shared, problems: [error.message] };
      }),
    );
  }
  return results;
}

async function verifyModel(name: string, options: VerifyOptions): Promise<ModelVerification> {
  const env = options.env ?? process.env;
  if (name === BUILTIN_MODEL) return verifyBuiltin(env);
  const found = await findLocked(name, env);
  if (found === undefined) return verifyForeign(name, env);
  const { cached, lock, model, commit } = found;
  const entry: LockEntry = lock.entries.get(commit) ?? { files: new Map() };
  const pulled = dtypesIn(entry.files);
  const dtypes = pulled.filter((dtype) => dtype === (options.dtype ?? dtype));
  if (dtypes.length === 0) throw notPulled(name, options.dtype ?? 'fp32');
  const files = new Map<string, FileFinding>();
  for (const dtype of dtypes) {
    for (const [file, locked] of filesOf(entry, dtype)) {
      if (!files.has(file))
        files.set(file, await checkLocked(cached.snapshot(commit), file, locked));
    }
  }
  const problems = [...files.values()].flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) problems.push(`to restore it: sightline models pull ${name}`);
  const drift: Drift[] = [];
  const notes: string[] = [];
  // The loader would refuse damaged files with the same messages.
  let golden = entry.golden;
  for (const dtype of problems.length > 0 ? [] : dtypes) {
    const outcome = await answer(name, dtype, golden, env);
    if (typeof outcome === 'string') notes.push(outcome);
    else if ('problem' in outcome) problems.push(outcome.problem);
    else {
      drift.push(outcome.drift);
      if (outcome.drift.isFirst) {
        if (golden !== undefined) notes.push(OTHER_PREPARATION);
        golden = outcome.made;
        await record(cached, model, commit, golden);
      }
    }
  }
  for (const line of driftProblems(drift)) problems.push(line);
  return {
    id: name,
    revision: commit,
    folder: cached.snapshot(commit),
    isOk: problems.length === 0,
    files: [...files.values()],
    drift,
    problems,
    notes,
  };
}

const OTHER_PREPARATION = 'golden vectors were recorded with other preprocessing: recorded again';

function notPulled(name: string, dtype: Dtype): Error {
  return makeError(
    'ERR_MODEL_MISSING',
    `${name} was not pulled with ${dtype} weights: sightline models pull ${name} --dtype ${dtype}`,
    { details: { model: name, dtype } },
  );
}

async function verifyBuiltin(env: NodeJS.ProcessEnv): Promise<ModelVerification> {
  const { folder, dtype } = await findModel(BUILTIN_MODEL, env);
  const golden = await readBuiltinGolden(folder);
  const outcome = await answer(BUILTIN_MODEL, dtype, golden, env);
  const problems: string[] = [];
  const drift: Drift[] = [];
  if (golden === undefined) problems.push('golden.json of the built-in model cannot be read');
  else if (typeof outcome === 'string') problems.push(outcome);
  else if ('problem' in outcome) problems.push(outcome.problem);
  else {
    drift.push(outcome.drift);
    if (outcome.made.sha256 !== golden.sha256 || outcome.drift.isFirst)
      problems.push('the model does not match golden.json: reinstall the package');
    problems.push(...driftProblems(drift));
  }
  const shared = { id: BUILTIN_MODEL, revision: undefined, folder, files: [], notes: [] };
  return { ...shared, isOk: problems.length === 0, drift, problems };
}

/** Nothing is recorded for models of other tools: only opening is tested. */
async function verifyForeign(name: string, env: NodeJS.ProcessEnv): Promise<ModelVerification> {
  const found = await findModel(name, env, { kind: 'any' });
  if (found.revision === undefined) {
    throw makeError(
      'ERR_ARG_RANGE',
      `${name} is a folder without recorded checksums: only builtin and pulled models can be verified`,
      { details: { model: name } },
    );
  }
  const { id, revision, folder } = found;
  const notes = [
    `it was not pulled by sightline, so there are no recorded checksums: sightline models pull ${name}`,
  ];
  return { id, revision, folder, isOk: true, files: [], drift: [], problems: [], notes };
}

interface Answered {
  readonly drift: Drift;
  readonly made: Golden;
}

/** A note when there is nothing to run, a problem when the model fails. */
async function answer(
  name: string,
  dtype: Dtype,
  golden: Golden | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Answered | string | { readonly problem: string }> {
  try {
    const found: ModelFolder = await findModel(name, env, {
      dtype,
      kind: 'any',
    });
    const made = await encodeGolden(found, dtype, env, name);
    if (made === undefined)
      return 'no golden inputs for this kind of model: only files were checked';
    // Inputs that are prepared in another way give other answers, without any fault.
    const isComparable = golden?.preprocessVersion === made.preprocessVersion;
    return { made, drift: driftOf(made, isComparable ? golden : undefined) };
  } catch (error) {
    if (!isLibraryError(error)) throw error;
    return { problem: `${dtype}: it fails on the golden inputs: ${messageOf(error)}` };
  }
}

function driftOf(made: Golden, golden: Golden | undefined): Drift {
  const reference = golden ?? made;
  const items = [...reference.vectors].map(([item, vector]) => ({
    name: item,
    cosine: cosineOf(made.vectors.get(item) ?? new Float32Array(0), vector),
  }));
  const { dtype, provider, runtime, platform } = reference;
  return {
    dtype: made.dtype,
    provider: made.provider,
    runtime: made.runtime,
    platform: made.platform,
    golden: { dtype, provider, runtime, platform },
    isFirst: golden === undefined,
    items,
    worstCosine: Math.min(...items.map((item) => item.cosine)),
    leastCosine: leastCosine(made.dtype, reference.dtype),
  };
}

function driftProblems(drift: readonly Drift[]): string[] {
  return drift.flatMap(({ dtype, items, leastCosine: least }) =>
    items
      // Written so that NaN is a problem.
      .filter(({ cosine }) => !(cosine >= least))
      .map(
        ({ name, cosine }) =>
          `${dtype}: cosine of ${name} to its golden vector is ${cosine.toFixed(6)}, at least ${least} is needed`,
      ),
  );
}

async function findLocked(
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<
  { cached: CachedRepository; lock: ModelLock; model: ModelName; commit: string } | undefined
> {
  // What loading would take for a folder is not answered for by a lock entry.
  if (await meansFolder(name)) return undefined;
  for (const model of parseModelName(name)) {
    const cached = new CachedRepository(hubCacheDir(env), model.repository);
    const lock = await readLock(cached.folder, model.repository);
    const commit = lock && commitOf(lock, model.revision);
    if (lock !== undefined && commit !== undefined) return { cached, lock, model, commit };
  }
  return undefined;
}

async function record(
  cached: CachedRepository,
  model: ModelName,
  commit: string,
  golden: Golden,
): Promise<void> {
  // Read again: a pull or a deletion may have changed it while the model ran.
  const latest = await readLock(cached.folder, model.repository);
  if (latest?.entries.has(commit) !== true) return;
  // By its commit, which no branch can move.
  const entry = { files: new Map(), golden };
  await writeLock(cached.folder, withEntry(latest, model.repository, commit, commit, entry));
}
