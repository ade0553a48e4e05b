/**
 * The model runtime, from the project or from `sightline setup`. Loaded only in encoder workers and by
 * those who ask for its version.
 */
import type * as Runtime from 'onnxruntime-node';
import { loadPart, MODEL_RUNTIME } from '../../base/parts/parts';

/** @throws ERR_MODEL_RUNTIME when this module is loaded */
export const { env, InferenceSession, listSupportedBackends, Tensor } = loadPart(
  MODEL_RUNTIME,
) as typeof Runtime;
