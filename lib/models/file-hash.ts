/** Hashes of files, cached so that the lock check and the identity of a model read the weights once. */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';

/** Caches `read` by path until the file's identity, size or modification time changes. */
export function oncePerFile<T>(
  read: (file: string, size: number, stamp: string) => T | Promise<T>,
): (file: string) => Promise<T> {
  const known = new LRUCache<string, { readonly stamp: string; readonly value: T }>({ max: 1024 });
  return async (file) => {
    const info = await stat(file);
    const stamp = stampOf(info);
    const found = known.get(file);
    if (found?.stamp === stamp) return found.value;
    const value = await read(file, info.size, stamp);
    known.set(file, { stamp, value });
    return value;
  };
}

/** SHA-256 in lower-case hexadecimal. Follows links. Cost: about a second per gigabyte, once. */
export const sumOfFile = oncePerFile(async (file, size, stamp) => {
  const hash = createHash('sha256');
  for await (const chunk of piecesOf(file)) hash.update(chunk as Buffer);
  return { size, stamp, sha256: hash.digest('hex') };
});

const stampOf = ({ dev, ino, size, mtimeMs }: Stats): string => `${dev}:${ino}:${size}:${mtimeMs}`;

/** Whether a file has the bytes of a sum, also of another process: hashed only where its stamp is another. */
export async function isAsSummed(
  file: string,
  sum: { readonly stamp: string; readonly sha256: string },
): Promise<boolean> {
  return stampOf(await stat(file)) === sum.stamp || (await sumOfFile(file)).sha256 === sum.sha256;
}

const piecesOf = (file: string): NodeJS.ReadableStream =>
  createReadStream(file, { highWaterMark: 1 << 20 });

/** The two hashes by which the hub records files. */
export class Digests {
  private readonly sha256 = createHash('sha256');
  private readonly git = createHash('sha1');

  /** @param size  of the whole file: git hashes it before the content */
  constructor(size: number) {
    this.git.update(`blob ${size}\0`);
  }

  update(bytes: Uint8Array): void {
    this.sha256.update(bytes);
    this.git.update(bytes);
  }

  /** Call once. */
  end(): { readonly sha256: string; readonly gitSha1: string } {
    return { sha256: this.sha256.digest('hex'), gitSha1: this.git.digest('hex') };
  }
}

/** Hashes a file without caching; returns `digests`. */
export async function feedFile(file: string, digests: Digests): Promise<Digests> {
  for await (const chunk of piecesOf(file)) digests.update(chunk as Buffer);
  return digests;
}
