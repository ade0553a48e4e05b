/**
 * Model management for the command line and programs: list, pull, verify. Loads network code or the runtime
 * only when called.
 */
import { listModels, type InstalledModel, type ModelState } from '../models/store/list';
import type { PullOptions, PullReport } from '../models/hub/pull-types';
import type { ModelVerification, VerifyOptions } from '../encode/golden/verify';

export { listModels, type InstalledModel, type ModelState };
export { hubCacheDir } from '../models/settings';
export type { Dtype } from '../models/dtype';
export type { Drift, ModelVerification, VerifyOptions } from '../encode/golden/verify';
export type { PulledFile, PullOptions, PullProgress, PullReport } from '../models/hub/pull-types';

/**
 * Downloads a model into the hub's cache, resumes an earlier attempt, and records checksums.
 *
 * @param name short name, `owner/repository`, or either with `@revision`
 * @throws ERR_ARG_RANGE | ERR_MODEL_MISSING with the commands that help | ERR_MODEL_HASH |
 *   ERR_MODEL_INVALID | ERR_DISK_FULL | ERR_IO | ERR_FILE_LOCKED | ERR_ABORTED
 */
export async function pullModel(name: string, options?: PullOptions): Promise<PullReport> {
  return (await import('../models/index.js')).pullModel(name, options);
}

/** The model for photographs, which the built-in one does not know. Small, and good enough to show what there is. */
export const PHOTOGRAPH_MODEL = 'clip-vit-base-patch32';
/** Longer than a hub takes that is there, short for who waits. */
const ASK_MS = 10_000;

/**
 * Bytes that a pull of the model for photographs would download; 0 where it is here already.
 *
 * @throws what `pullModel` throws; ERR_ABORTED | ERR_TIMEOUT where the hub does not answer within 10 s
 */
export async function bytesOfPhotographModel(): Promise<number> {
  const signal = AbortSignal.timeout(ASK_MS);
  const { files } = await pullModel(PHOTOGRAPH_MODEL, { isDryRun: true, signal });
  return files
    .filter((file) => file.state === 'needed')
    .reduce((sum, file) => sum + file.sizeBytes, 0);
}

/**
 * Compares files with their recorded checksums and answers with golden vectors, of one model or of all.
 *
 * @throws ERR_MODEL_MISSING when the named model is not installed; ERR_ARG_RANGE; ERR_MODEL_INVALID. Cost:
 * reads and loads the weights.
 */
export async function verifyModels(
  name?: string,
  options?: VerifyOptions,
): Promise<readonly ModelVerification[]> {
  return (await import('../encode/golden/verify.js')).verifyModels(name, options);
}
