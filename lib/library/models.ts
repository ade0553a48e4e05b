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
