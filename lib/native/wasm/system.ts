/**
 * Files, locks and random bytes for the WebAssembly module: what `native/platform/wasm_system.h` asks for.
 * Every call answers at once and throws nothing: a number that is not negative, or the place of an error in
 * `ERRORS`, negated.
 */
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import type { WasmMemory } from './memory';

/** `native/platform/wasm_posix.cc` has the same order. The first is what all others are. */
const ERRORS = [
  '',
  'EIO',
  'ENOENT',
  'EEXIST',
  'ENOSPC',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'ENOTEMPTY',
  'EMFILE',
  'ENFILE',
  'EBADF',
  'EINVAL',
  'ENOMEM',
  'EFBIG',
  'ELOOP',
  'EDQUOT',
  'EWOULDBLOCK',
  'ENOTSUP',
  'ENAMETOOLONG',
];

const failed = (code: string): number => -Math.max(1, ERRORS.indexOf(code));

function answer(call: () => number | void): number {
  try {
    return call() ?? 0;
  } catch (error) {
    return failed(String((error as { code?: unknown }).code));
  }
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants;
// So that opening a pipe does not wait for somebody at its other end.
const { O_NONBLOCK = 0 } = fs.constants;

const FLAGS: readonly (readonly [bit: number, flag: number])[] = [
  [1, O_RDWR],
  [2, O_CREAT],
  [4, O_EXCL],
  [8, O_DIRECTORY],
  [16, O_NOFOLLOW],
];

/** A folder that is open, as the beginning of a path: by its descriptor where the system allows it. */
const BY_DESCRIPTOR = '/proc/self/fd';
let byDescriptor: boolean | undefined;

/** Elsewhere, by the path it was opened by. */
const folders = new Map<number, string>();

function pathOf(folder: number, name: string): string {
  if (folder < 0) return name;
  byDescriptor ??= fs.existsSync(BY_DESCRIPTOR);
  if (byDescriptor) return `${BY_DESCRIPTOR}/${folder}/${name}`;
  const known = folders.get(folder);
  if (known === undefined) throw Object.assign(new Error('not a folder'), { code: 'EBADF' });
  return `${known}/${name}`;
}

function open(path: string, flags: number, mode: number): number {
  const wanted = FLAGS.reduce((all, [bit, flag]) => ((flags & bit) === 0 ? all : all | flag), 0);
  const descriptor = fs.openSync(path, O_RDONLY | wanted | O_NONBLOCK, mode);
  if ((flags & 8) !== 0) folders.set(descriptor, path);
  return descriptor;
}

/**
 * The kernel's lock on an open file, which Node cannot ask for: the `flock` command of util-linux or BusyBox
 * does it on our descriptor. The lock belongs to the open file, not to the process that asked, so it stays
 * until we close the file or die, and it is the one that the native engine takes.
 */
function lock(descriptor: number, kind: number): number {
  const how = kind === 1 ? '-s' : '-x';
  const { status, error } = spawnSync('flock', ['-n', how, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    windowsHide: true,
  });
  if (error !== undefined) return failed('ENOTSUP');
  if (status === 0) return 0;
  return failed(status === 1 ? 'EWOULDBLOCK' : 'ENOTSUP');
}

function kindOf(stats: fs.BigIntStats): bigint {
  if (stats.isFile()) return 1n;
  return stats.isDirectory() ? 2n : 0n;
}

/** The imports of the module `sightline`. */
export function systemImports(
  memory: WasmMemory,
): Record<string, (...args: never[]) => number | void> {
  const writeStat = (address: number, stats: fs.BigIntStats): number => {
    const { dev, ino, size, mtimeNs, birthtimeNs } = stats;
    const view = memory.view();
    [dev, ino, kindOf(stats), size, mtimeNs, birthtimeNs].forEach((value, i) => {
      view.setBigInt64((address >>> 0) + 8 * i, BigInt.asIntN(64, value), true);
    });
    return 0;
  };
  const at = (folder: number, name: number): string => pathOf(folder, memory.text(name));
  return {
    open: (folder: number, name: number, flags: number, mode: number) =>
      answer(() => open(at(folder, name), flags, mode)),
    close: (descriptor: number) =>
      answer(() => {
        folders.delete(descriptor);
        fs.closeSync(descriptor);
      }),
    duplicate: (descriptor: number) => answer(() => open(pathOf(descriptor, '.'), 8, 0)),
    read: (descriptor: number, to: number, size: number, offset: number) =>
      answer(() => fs.readSync(descriptor, memory.bytes(to, size), 0, size >>> 0, offset)),
    write: (descriptor: number, from: number, size: number, offset: number) =>
      answer(() => fs.writeSync(descriptor, memory.bytes(from, size), 0, size >>> 0, offset)),
    stat: (folder: number, name: number, out: number) =>
      answer(() => writeStat(out, fs.statSync(at(folder, name), { bigint: true }))),
    statOpen: (descriptor: number, out: number) =>
      answer(() => writeStat(out, fs.fstatSync(descriptor, { bigint: true }))),
    truncate: (descriptor: number, size: number) =>
      answer(() => fs.ftruncateSync(descriptor, size)),
    sync: (descriptor: number, dataOnly: number) =>
      answer(() => (dataOnly === 0 ? fs.fsyncSync(descriptor) : fs.fdatasyncSync(descriptor))),
    rename: (fromFolder: number, from: number, toFolder: number, to: number) =>
      answer(() => fs.renameSync(at(fromFolder, from), at(toFolder, to))),
    remove: (folder: number, name: number, isFolder: number) =>
      answer(() => (isFolder === 0 ? fs.unlinkSync : fs.rmdirSync)(at(folder, name))),
    makeFolder: (folder: number, name: number, mode: number) =>
      answer(() => void fs.mkdirSync(at(folder, name), { mode })),
    list: (descriptor: number, to: number, room: number) =>
      answer(() => {
        const names = fs.readdirSync(pathOf(descriptor, '.'));
        const bytes = Buffer.from(names.map((name) => `${name}\0`).join(''), 'utf8');
        if (bytes.length <= room >>> 0) memory.bytes(to, bytes.length).set(bytes);
        return bytes.length;
      }),
    lock: (descriptor: number, kind: number) => answer(() => lock(descriptor, kind)),
    random: (to: number, size: number) => void randomFillSync(memory.bytes(to, size)),
    processId: () => process.pid,
  };
}
