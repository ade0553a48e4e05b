/**
 * Models: finds them on disk (`store/`), pulls them from a Hugging Face hub into the cache shared with its
 * tools (`hub/`), and reads their graphs' metadata (`onnx/`). Runs none: `lib/encode` does. Only pulling
 * opens connections to the hub.
 *
 * May use `lib/base`. This file loads undici, so it is imported on demand.
 */
export { listModels, type InstalledModel, type ModelState } from './store/list';
export { pullModel } from './hub/pull';
export type { PulledFile, PullOptions, PullProgress, PullReport } from './hub/pull-types';
