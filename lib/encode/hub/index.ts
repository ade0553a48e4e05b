/**
 * The hub: pulls models from a Hugging Face hub into the cache that all its tools share, lists and
 * verifies what is there. Pulling is the only thing in the package that opens connections to the
 * hub; loading a model never does (see `model-store.ts`).
 *
 * May use the encoders (to verify), errors and plain types. Loads undici and the
 * runtime, so callers import it when it is needed.
 */
export { listModels, type InstalledModel, type ModelState } from './list';
export { pullModel } from './pull';
export type { PulledFile, PullOptions, PullProgress, PullReport } from './pull-types';
export { verifyModels, type Drift, type ModelVerification, type VerifyOptions } from './verify';
