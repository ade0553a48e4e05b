/**
 * OpenEXR files of a library: their facts in the catalog, their vectors in two spaces of the engine, what is like what, and what
 * departs from its sequence. Uses the catalog, `lib/exr` and the engine; knows no pixels.
 */
export { anomaliesOf, type ExrAnomaly, type ExrAnomalyFile, type ExrDifference } from './anomalies';
export { pairsOf, type ExrPair, type ExrPairs, type ExrPairsOptions } from './pairs';
export { ExrSpaces, type ExrNear, type ExrSearch, type ExrSpaceKind } from './spaces';
export { embedFiles, inspectFiles, schemaVersionOf, vectorsOf, type ExrStageReport } from './stage';
export { checkExr } from './verify';
