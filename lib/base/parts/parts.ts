/**
 * Parts that `npm install` leaves out, because their own install would fetch, compile or fail, or because
 * few need them: `sightline setup` gets them (`install-part.ts`), or a project installs the package itself.
 * Found here, at first use. Layer 0.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import { makeError, messageOf, type ErrorCode } from '../errors';
import { isMusl } from './libc';

export interface Part {
  /** The package's name; exact version and checksums are in `setup/FOLDER/package-lock.json`. */
  readonly name: string;
  /** In `setup/` of our package. */
  readonly folder: string;
  readonly version: string;
  /** The error of whoever needs it. */
  readonly code: ErrorCode;
  /** As messages name it. */
  readonly what: string;
  /** Systems for which the package holds a binary; `-musl` stands for Alpine and its like. */
  readonly systems: readonly string[];
  readonly downloadMb: number;
  /** The package's folders that hold a binary for one system each, relative to it. */
  readonly binaries: (
    platform: string,
    arch: string,
  ) => { readonly all: string; readonly own: string };
}

export const MODEL_RUNTIME: Part = {
  name: 'onnxruntime-node',
  folder: 'onnxruntime',
  version: '1.30.0',
  code: 'ERR_MODEL_RUNTIME',
  what: 'the model runtime (ONNX Runtime)',
  systems: ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'],
  downloadMb: 110,
  binaries: (platform, arch) => ({ all: 'bin/napi-v6', own: `${platform}/${arch}` }),
};

/** Node 22.13 and later have their own. */
export const SQLITE: Part = {
  name: '@photostructure/sqlite',
  folder: 'sqlite',
  version: '1.2.1',
  code: 'ERR_CATALOG',
  what: 'SQLite, which Node has of its own since 22.13',
  systems: [
    ...['linux-x64', 'linux-arm64', 'linux-x64-musl', 'linux-arm64-musl'],
    ...['darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-arm64'],
  ],
  downloadMb: 10,
  binaries: (platform, arch) => ({ all: 'prebuilds', own: `${platform}-${arch}` }),
};

/** Whether this Node needs the part SQLITE. */
export function lacksSqlite(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major < 22 || (major === 22 && minor < 13);
}

export const thisSystem = (): string =>
  `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`;

/** Where `sightline setup` puts parts: SIGHTLINE_SETUP_DIR, or in the user's cache. */
export function setupDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SIGHTLINE_SETUP_DIR) return path.resolve(env.SIGHTLINE_SETUP_DIR);
  const cache = env.XDG_CACHE_HOME || env.LOCALAPPDATA || path.join(homedir(), '.cache');
  return path.join(cache, 'sightline');
}

/** The folder of a part that `sightline setup` installed, for this version and system. */
export function installedDir(part: Part, env?: NodeJS.ProcessEnv): string {
  return path.join(setupDir(env), `${part.folder}-${part.version}-${thisSystem()}`);
}

/** The part's entry file: the project's own package, else what setup installed; undefined when absent. */
export function findPart(part: Part): string | undefined {
  try {
    return createRequire(__filename).resolve(part.name);
  } catch {
    // Not in the project.
  }
  const root = path.join(installedDir(part), 'node_modules', part.name);
  const manifest = path.join(root, 'package.json');
  return existsSync(manifest) ? path.join(root, mainOf(manifest)) : undefined;
}

function mainOf(manifest: string): string {
  const { main } = JSON.parse(readFileSync(manifest, 'utf8')) as { main?: string };
  return main ?? 'index.js';
}

/** What to run when the part is missing, or why it cannot be had. */
export function remedyFor(part: Part): string {
  if (part.systems.includes(thisSystem()))
    return (
      `run "npx sightline setup" (downloads ${part.name} ${part.version}, ${part.downloadMb} MB, from ` +
      `your npm registry), or install ${part.name}@${part.version} in your project without its scripts`
    );
  const other =
    part === SQLITE
      ? 'use Node 22.13 or later'
      : 'use a Linux with glibc, such as Debian or Ubuntu';
  return `${part.name} has no binary for ${thisSystem()}: ${other}`;
}

/** @throws the part's code with the remedy */
export function assertPart(part: Part): string {
  const file = findPart(part);
  if (file !== undefined) return file;
  throw makeError(part.code, `${part.what} is not installed: ${remedyFor(part)}`, {
    details: { part: part.name, lookedIn: installedDir(part) },
  });
}

/**
 * Loads a part.
 *
 * @throws the part's code: it is not there, or does not load, with the reason
 */
export function loadPart(part: Part): unknown {
  const file = assertPart(part);
  try {
    return createRequire(__filename)(file);
  } catch (cause) {
    const remedy = file.startsWith(setupDir())
      ? 'run "npx sightline setup" again, which replaces it'
      : `install ${part.name}@${part.version} again`;
    const advice = part.systems.includes(thisSystem()) ? remedy : remedyFor(part);
    throw makeError(
      part.code,
      `${part.what} at ${file} does not load: ${advice}. Reason: ${messageOf(cause)}`,
      { details: { part: part.name, file }, cause },
    );
  }
}
