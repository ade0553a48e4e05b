/**
 * Models as the command line and programs see them: list, pull, verify. What needs the network or the
 * runtime is loaded by the call.
 */
import { listModels, type InstalledModel, type ModelState } from '../../models/store/list';
import type { PullOptions, PullReport } from '../../models/hub/pull-types';
import type { ModelVerification, VerifyOptions } from '../../encode/golden/verify';

export { listModels, type InstalledModel, type ModelState };
export type { Dtype } from '../../models/dtype';
export type { Drift, ModelVerification, VerifyOptions } from '../../encode/golden/verify';
export type {
  PulledFile,
  PullOptions,
  PullProgress,
  PullReport,
} from '../../models/hub/pull-types';

/**
 * Downloads a model into the hub's cache, resuming what an earlier try left, and records its sums.
 *
 * @param name short name, `owner/repository`, or either with `@revision`
 * @throws ERR_ARG_RANGE | ERR_MODEL_MISSING with the commands that help | ERR_MODEL_HASH |
 *   ERR_MODEL_INVALID | ERR_DISK_FULL | ERR_IO | ERR_FILE_LOCKED | ERR_ABORTED
 */
export async function pullModel(name: string, options?: PullOptions): Promise<PullReport> {
  return (await import('../../models/index.js')).pullModel(name, options);
}

/**
 * Compares files with their record and answers with golden vectors, of one model or of all.
 *
 * @throws ERR_MODEL_MISSING when the named model is not here; ERR_ARG_RANGE; ERR_MODEL_INVALID
 * Cost: reads and loads the weights.
 */
export async function verifyModels(
  name?: string,
  options?: VerifyOptions,
): Promise<readonly ModelVerification[]> {
  return (await import('../../encode/golden/verify.js')).verifyModels(name, options);
}
