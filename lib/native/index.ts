/**
 * Finds and loads the addon. The only folder that knows there is a binary; uses `lib/errors` alone.
 * Loaded at the first call, so that requiring the package never fails.
 */
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import nodeGypBuild from 'node-gyp-build';
import { isError, codeOfNativeStatus, makeError, messageOf } from '../errors';
import type { NativeBinding } from './binding';

export type {
  NativeBatch,
  NativeBinding,
  NativeHandle,
  NativeInfo,
  NativeKeys,
  NativeStats,
} from './binding';

/** From dist/lib/native to the package. */
const PACKAGE_ROOT = path.resolve(__dirname, '../../..');

let loaded: NativeBinding | undefined;

/**
 * The addon.
 *
 * @throws ERR_ADDON_LOAD with the remedy
 */
export function native(): NativeBinding {
  if (loaded === undefined) {
    const binding = loadFrom(PACKAGE_ROOT);
    // In a worker this event is of the worker's end, and the process goes on.
    if (isMainThread) process.once('exit', () => binding.endProcess());
    loaded = binding;
  }
  return loaded;
}

/** Loads the binary of the package in `root`; exported for the test of the error. */
export function loadFrom(root: string): NativeBinding {
  try {
    return nodeGypBuild(root) as NativeBinding;
  } catch (cause) {
    throw makeError(
      'ERR_ADDON_LOAD',
      `the native engine could not be loaded on ${process.platform}-${process.arch} with Node ` +
        `${process.versions.node}. In a checkout run "npm run build:native"; otherwise reinstall the ` +
        `package for this platform. Reason: ${messageOf(cause)}`,
      { cause, details: { platform: process.platform, arch: process.arch, root } },
    );
  }
}

/**
 * Makes a library error of what the addon throws, an Error with a number `status`. Everything else -
 * what a caller's own callback threw - is given back as it is.
 */
export function fromNative(error: unknown): unknown {
  if (!(isError(error) && 'status' in error && typeof error.status === 'number')) {
    return error;
  }
  return makeError(codeOfNativeStatus(error.status), error.message, { cause: error });
}
