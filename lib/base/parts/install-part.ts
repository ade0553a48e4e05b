/**
 * Installs a part into the folder of `sightline setup`: npm fetches exactly what the lock file pins, checks
 * it, and runs none of its scripts; what other systems need is removed. Whole or not at all.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { makeError, messageOf } from '../errors';
import { PACKAGE_ROOT } from '../package-root';
import { findPart, installedDir, remedyFor, thisSystem, type Part } from './parts';

/** Lines of npm's output that a message repeats. */
const MOST_LINES = 6;

/** Whether the part loads; asked in a process of its own, because a library once loaded stays. */
export async function partLoads(part: Part): Promise<boolean> {
  const file = findPart(part);
  if (file === undefined) return false;
  const { code } = await run(process.execPath, ['-e', `require(${JSON.stringify(file)})`], '.');
  return code === 0;
}

/**
 * Fetches the part from the npm registry that the user's settings name, and puts it in place.
 *
 * @returns the folder
 * @throws the part's code: no binary for this system, no npm, or npm failed, with its words | ERR_IO: the
 *   folder cannot be written
 */
export async function installPart(part: Part): Promise<string> {
  if (!part.systems.includes(thisSystem())) throw makeError(part.code, remedyFor(part));
  const target = installedDir(part);
  const beside = `${target}.${process.pid}.tmp`;
  try {
    await prepare(part, beside);
    await fetchInto(part, beside);
    await prune(part, beside);
    await rm(target, { recursive: true, force: true });
    await rename(beside, target).catch((error: unknown) => {
      // Another setup was faster: it has put the same files there.
      if (!isNotEmpty(error)) throw error;
    });
  } catch (error) {
    throw asWriteError(error, target);
  } finally {
    await rm(beside, { recursive: true, force: true }).catch(() => undefined);
  }
  return target;
}

/** The manifest, the lock file, and the project's own npm settings: its registry may be another one. */
async function prepare(part: Part, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const from = path.join(PACKAGE_ROOT, 'setup', part.folder);
  for (const name of ['package.json', 'package-lock.json'])
    await cp(path.join(from, name), path.join(folder, name));
  const settings = path.resolve('.npmrc');
  if (existsSync(settings)) await cp(settings, path.join(folder, '.npmrc'));
}

async function fetchInto(part: Part, folder: string): Promise<void> {
  const [command, ...first] = npmCommand();
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const done = await run(command, [...first, 'ci', '--ignore-scripts', ...quiet], folder).catch(
    (cause: unknown) => {
      const own = `install ${part.name}@${part.version} in your project without its scripts`;
      throw makeError(part.code, `npm could not be started (${messageOf(cause)}): ${own}`, {
        cause,
      });
    },
  );
  // It may hold a token.
  await rm(path.join(folder, '.npmrc'), { force: true });
  if (done.code === 0) return;
  const lines = done.errors.trim().split('\n').slice(0, MOST_LINES).join('\n');
  throw makeError(
    part.code,
    `npm could not fetch ${part.name} ${part.version}; check the network and "npm config get registry", ` +
      `then run "npx sightline setup" again. npm said:\n${lines}`,
  );
}

/** npm's program beside this Node, else what the PATH has. */
function npmCommand(): [string, ...string[]] {
  const beside = path.dirname(process.execPath);
  for (const modules of ['../lib/node_modules', 'node_modules'])
    try {
      const file = createRequire(path.join(beside, 'x.js')).resolve(
        path.resolve(beside, modules, 'npm/bin/npm-cli.js'),
      );
      return [process.execPath, file];
    } catch {
      // Not there.
    }
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

/** Removes the binaries of other systems. */
async function prune(part: Part, folder: string): Promise<void> {
  const { all, own } = part.binaries(process.platform, process.arch);
  const root = path.join(folder, 'node_modules', part.name, all);
  const [top = '', below] = own.split('/');
  for (const name of await readdir(root))
    if (name !== top) await rm(path.join(root, name), { recursive: true });
  if (below === undefined) return;
  for (const name of await readdir(path.join(root, top)))
    if (name !== below) await rm(path.join(root, top, name), { recursive: true });
}

const isNotEmpty = (error: unknown): boolean =>
  ['ENOTEMPTY', 'EEXIST'].includes(String((error as { code?: unknown }).code));

function asWriteError(error: unknown, target: string): unknown {
  const code = String((error as { code?: unknown }).code);
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR'].includes(code)) return error;
  const isFull = code === 'ENOSPC';
  return makeError(
    isFull ? 'ERR_DISK_FULL' : 'ERR_IO',
    `${target} cannot be written (${code}): ${isFull ? 'free some space' : 'set SIGHTLINE_SETUP_DIR to a folder that you may write'}`,
    { details: { folder: target }, cause: error },
  );
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      shell: command.endsWith('.cmd'),
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (errors.length < 100_000) errors += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, errors }));
  });
}
