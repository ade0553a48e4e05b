/**
 * `require('sightline/engine')`: the vector engine alone. Loads neither sharp nor onnxruntime nor
 * SQLite.
 */
export * from './vectors';
export { ERROR_CODES, isLibraryError, type ErrorCode, type LibraryError } from './base/errors';
