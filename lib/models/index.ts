/**
 * Models: finds them on disk (`store/`), pulls them from a Hugging Face hub into the cache that all its
 * tools share (`hub/`), and reads what their graphs say of themselves (`onnx/`). Runs none: `lib/encode`
 * does. Pulling is the only thing in the package that opens connections to the hub.
 *
 * May use `lib/base`. This file loads undici, so callers import it when it is needed.
 */
export { listModels, type InstalledModel, type ModelState } from './store/list';
export { pullModel } from './hub/pull';
export type { PulledFile, PullOptions, PullProgress, PullReport } from './hub/pull-types';
