/**
 * The delta run of a library: plan (pure) -> decode -> store -> encode -> append -> record. May use
 * catalog, media, encode and vectors, which do not know each other. Knows nothing of CLI and HTTP.
 */
export { framesLacking } from './agree';
export { fillSpace } from './fill-space';
export { recallScan } from './plan/scan-memory';
export { repairLibrary } from './repair';
export { reconcile, runSync, type Halves, type SyncParts } from './sync';
export { verifyLibrary, type VerifyOutcome } from './verify';
