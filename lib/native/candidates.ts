/**
 * The files that may be the addon, best first: what was compiled on this machine, then the prebuilt binary
 * of this platform. Pure but for looking which of them exist.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../base/package-root';
import { isMusl } from '../base/parts/libc';

/** Spelled from `__dirname` and a text, which tools that trace files understand. */
const OWN_PREBUILDS = __dirname + '/../../../prebuilds';

export function candidatesIn(root: string): string[] {
  const { platform, arch } = process;
  const libc = platform === 'linux' ? (isMusl() ? '.musl' : '.glibc') : '';
  const prebuilds =
    root === PACKAGE_ROOT ? path.resolve(OWN_PREBUILDS) : path.join(root, 'prebuilds');
  return [
    path.join(root, 'build', 'Release', 'sightline.node'),
    path.join(prebuilds, `${platform}-${arch}`, `sightline${libc}.node`),
  ].filter((file) => existsSync(file));
}

/** The portable engine's module in a package or a checkout. */
export const wasmFileOf = (root: string): string =>
  path.join(root, 'prebuilds', 'wasm32', 'sightline.wasm');

/** For code in a bundle: the addon's file, copied beside it. */
export function besideBundle(): string[] {
  const folders = [__dirname, path.dirname(process.argv[1] ?? '')];
  return [...new Set(folders)]
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, 'sightline.node'))
    .filter((file) => existsSync(file));
}

const ELF_MAGIC = 0x7f454c46;
const ELF_MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };

const HEAD_BYTES = 64;

/**
 * Why a file cannot be the addon of this machine, where its head tells. Asked before it is loaded: the
 * system maps a file that was cut off all the same, and kills the process when it touches what is missing.
 */
export function misfitOf(file: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const head = Buffer.alloc(HEAD_BYTES);
  const descriptor = openSync(file, 'r');
  let size: number;
  try {
    readSync(descriptor, head, 0, HEAD_BYTES, 0);
    ({ size } = fstatSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
  if (head.readUInt32BE(0) !== ELF_MAGIC) return 'it is not a binary of Linux';
  const machine = head.readUInt16LE(18);
  const arch = ELF_MACHINES[machine] ?? `machine ${machine}`;
  if (arch !== process.arch) return `it is for ${arch}, and this Node is for ${process.arch}`;
  // The table of sections is the last thing in the file.
  const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
  return size < end ? `it is cut off: it has ${size} bytes of ${end}` : undefined;
}
