/**
 * Finds and loads the addon, or last of all the portable engine (`wasm/`). The only folder that knows there is
 * a binary; uses `lib/base` alone.
 * Loaded at the first call, so that requiring the package never fails.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { codeOfNativeStatus, isError, makeError, messageOf } from '../base/errors';
import {
  BUNDLE_REMEDY,
  compileRemedy,
  installedRoot,
  isBundled,
  PACKAGE_ROOT,
} from '../base/package-root';
import { VERSION } from '../base/version';
import type { NativeBinding } from './binding';
import { besideBundle, candidatesIn, misfitOf, wasmFileOf } from './candidates';
import type * as Portable from './wasm';

export type {
  NativeBatch,
  NativeBinding,
  NativeHandle,
  NativeInfo,
  NativeKeys,
  NativeStats,
} from './binding';

let loaded: NativeBinding | undefined;

/**
 * The addon.
 *
 * @throws ERR_ADDON_LOAD with the remedy
 */
export function native(): NativeBinding {
  if (loaded === undefined) {
    const binding = load();
    const { isMainThread } = process.getBuiltinModule('node:worker_threads');
    // In a worker this event is of the worker's end, and the process goes on.
    if (isMainThread) process.once('exit', () => binding.endProcess());
    loaded = binding;
  }
  return loaded;
}

function load(): NativeBinding {
  const file = process.env.SIGHTLINE_ADDON;
  if (file !== undefined && file !== '') return loadFile(path.resolve(file));
  if (!isBundled()) return loadFrom(PACKAGE_ROOT);
  const root = installedRoot();
  return loadFirst([...besideBundle(), ...(root === undefined ? [] : candidatesIn(root))], root);
}

/** The binary that SIGHTLINE_ADDON names, or the module of the portable engine (.wasm). */
function loadFile(file: string): NativeBinding {
  try {
    return file.endsWith('.wasm')
      ? portable(file, 'SIGHTLINE_ADDON names it')
      : ofVersion(requireBinary(file));
  } catch (cause) {
    throw makeError(
      'ERR_ADDON_LOAD',
      `SIGHTLINE_ADDON is ${file}, which could not be loaded: name the file sightline.node of this ` +
        `version, platform and architecture, or its sightline.wasm. Reason: ${messageOf(cause)}`,
      { cause, details: { file } },
    );
  }
}

/** Not by `require`: a bundler may have made something else of it, and a file of JavaScript would be run. */
function requireBinary(file: string): NativeBinding {
  const misfit = misfitOf(file);
  if (misfit !== undefined) throw new Error(misfit);
  const holder = { exports: {} };
  process.dlopen(holder, file);
  return holder.exports as NativeBinding;
}

const remedy = (): string => `reinstall the package for this system, or ${compileRemedy()}`;

let portableBecause: string | undefined;

/** Why the portable engine is the one in use; undefined while the native one is. */
export const whyPortable = (): string | undefined => portableBecause;

function portable(file: string, reason: string): NativeBinding {
  // Where the binary loads, none of this is needed.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { loadWasm } = require('./wasm') as typeof Portable;
  const binding = ofVersion(loadWasm(file));
  portableBecause = reason;
  return binding;
}

/** Loads the binary of the package in `root`, or the portable engine; exported for the tests. */
export function loadFrom(root: string): NativeBinding {
  return loadFirst(candidatesIn(root), root);
}

function loadFirst(files: readonly string[], root: string | undefined): NativeBinding {
  const reasons: string[] = [];
  let cause: unknown;
  for (const file of files) {
    try {
      return ofVersion(requireBinary(file));
    } catch (error) {
      cause ??= error;
      reasons.push(`${file}: ${messageOf(error)}`);
    }
  }
  const system = `${process.platform}-${process.arch} with Node ${process.versions.node}`;
  if (reasons.length === 0) {
    cause = new Error(`there is no file of it in ${root ?? 'reach'}`);
    reasons.push(messageOf(cause));
  }
  const wasm = root === undefined ? undefined : wasmFileOf(root);
  if (wasm !== undefined && existsSync(wasm)) return portable(wasm, reasons.join('; '));
  throw makeError(
    'ERR_ADDON_LOAD',
    `the native engine could not be loaded on ${system}: ${isBundled() ? BUNDLE_REMEDY : remedy()}. ` +
      `Reason: ${reasons.join('; ')}`,
    { cause, details: { platform: process.platform, arch: process.arch, root } },
  );
}

/** A binary left from another version would be called with arguments that it does not expect. */
function ofVersion(binding: NativeBinding): NativeBinding {
  const { version = 'unknown' } = binding;
  if (version === VERSION) return binding;
  throw new Error(`it is of version ${version}, and the package is of version ${VERSION}`);
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
