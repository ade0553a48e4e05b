/**
 * Embeddings in a folder, one small file each: `KIND/ab/HASH` holds the vector, for limited entries the
 * expiry in milliseconds as float64, and a CRC-32 of key and content. Survives restarts. Any number of
 * processes may share a folder: files appear whole, by a rename, and a missing or damaged one is computed
 * again. Bounded by bytes: least recently used files are removed first.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { integer, readOptions, TEXT, type OptionRules } from '../../base/options';
import {
  CacheCounts,
  setEach,
  type CacheReport,
  type CacheStats,
  type EmbeddingCache,
} from './contract';
import { checkTtl, matcherOf, TTL_SECONDS } from './key';
import { fromBytes, toBytes } from './value';

export interface DiskCacheOptions {
  readonly folder: string;
  /** Default 1 GB, some 480,000 vectors of 512. */
  readonly maxBytes?: number;
  /** Default: until evicted. */
  readonly ttlSeconds?: number;
}

const DISK_CACHE_OPTIONS: OptionRules<DiskCacheOptions> = {
  folder: TEXT,
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  ttlSeconds: TTL_SECONDS,
};

const DEFAULT_BYTES = 1 << 30;
/** Share that is kept after an eviction, so that evictions are rare. */
const KEPT_SHARE = 0.9;
/** A file's time is updated at most this often: reading must not become writing. */
const RENEW_MS = 3_600_000;
const KEY = /^embedding:(instruction|image):([0-9a-f]{64})$/;
const AT_ONCE = 16;
/** Bytes of the expiry time. */
const END_BYTES = 8;

interface Entry {
  readonly file: string;
  readonly key: string;
  readonly bytes: number;
  readonly usedMs: number;
}

export class DiskCache implements EmbeddingCache {
  private readonly counts = new CacheCounts();
  private readonly folder: string;
  private readonly maxBytes: number;
  private readonly ttlSeconds: number | undefined;
  /** Of all files; undefined until they were counted. */
  private bytes: number | undefined;
  private shrinking: Promise<void> | undefined;
  /** Bytes written since files were last begun to be counted. */
  private written = 0;
  private isClosed = false;

  constructor(given: DiskCacheOptions) {
    const { folder, maxBytes, ttlSeconds } = readOptions('options', given, DISK_CACHE_OPTIONS);
    this.folder = TEXT('folder', folder);
    this.maxBytes = maxBytes ?? DEFAULT_BYTES;
    this.ttlSeconds = ttlSeconds;
  }

  async get(key: string, dim: number): Promise<Float32Array | undefined> {
    return this.counts.found(await this.read(key, dim));
  }

  async getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]> {
    const found: (Float32Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      const part = keys.slice(at, at + AT_ONCE);
      found.push(...(await Promise.all(part.map((key) => this.get(key, dim)))));
    }
    return found;
  }

  async set(key: string, vector: Float32Array, ttlSeconds?: number): Promise<boolean> {
    const ttl = checkTtl(ttlSeconds) ?? this.ttlSeconds;
    const file = this.fileOf(key);
    const end = Buffer.alloc(ttl === undefined ? 0 : END_BYTES);
    if (ttl !== undefined) end.writeDoubleLE(Date.now() + ttl * 1000);
    const bytes = Buffer.concat([toBytes(vector), end]);
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(sumOf(key, bytes));
    const beside = `${file}.${randomUUID()}.tmp`;
    try {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(beside, Buffer.concat([bytes, sum]), { flag: 'wx', mode: 0o600 });
      await rename(beside, file);
    } catch {
      // The disk is full or not writable: the next caller computes again.
      this.counts.errors++;
      await rm(beside, { force: true }).catch(() => undefined);
      return false;
    }
    this.written += bytes.length + 4;
    if (this.bytes !== undefined) this.bytes += bytes.length + 4;
    // Beside the callers: counting a full cache takes seconds.
    if (this.bytes === undefined || this.bytes > this.maxBytes) void this.shrink();
    return true;
  }

  setMany(
    entries: ReadonlyMap<string, Float32Array>,
    ttlSeconds?: number,
  ): Promise<ReadonlyMap<string, boolean>> {
    return setEach(this, entries, ttlSeconds);
  }

  async clearPattern(pattern: string): Promise<number> {
    const matches = matcherOf(pattern);
    const gone = (await this.list()).filter(({ key }) => matches(key));
    for (const { file } of gone) await rm(file, { force: true }).catch(() => this.counts.errors++);
    this.bytes = undefined;
    return gone.length;
  }

  stats(): CacheStats {
    const { hits, misses, errors } = this.counts;
    const known = this.bytes === undefined ? {} : { bytes: this.bytes };
    return { kind: 'disk', hits, misses, errors, isReachable: true, ...known };
  }

  async getStats(): Promise<CacheReport> {
    const entries = await this.list();
    const memoryUsed = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    return { ...this.stats(), totalKeys: entries.length, memoryUsed };
  }

  /** Counting is aborted; a later process does it. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.shrinking;
  }

  /** Keys of another form are hashed into a name of the same form: nothing of them becomes a path. */
  private fileOf(key: string): string {
    const [, kind = 'image', hash] = KEY.exec(key) ?? [];
    const name = hash ?? createHash('sha256').update(key).digest('hex');
    return path.join(this.folder, kind, name.slice(0, 2), name);
  }

  private async read(key: string, dim: number): Promise<Float32Array | undefined> {
    const file = this.fileOf(key);
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.counts.errors++;
      return undefined;
    }
    const body = bytes.subarray(0, Math.max(0, bytes.length - 4));
    const ends = body.length === dim * 4 + END_BYTES;
    const isWhole =
      (ends || body.length === dim * 4) && bytes.readUInt32LE(body.length) === sumOf(key, body);
    const vector = isWhole ? fromBytes(body.subarray(0, dim * 4), dim) : undefined;
    const isOver = ends && isWhole && body.readDoubleLE(dim * 4) <= Date.now();
    if (vector === undefined || isOver) {
      if (!isOver) this.counts.errors++;
      await rm(file, { force: true }).catch(() => undefined);
      return undefined;
    }
    void this.renew(file);
    return vector;
  }

  private async renew(file: string): Promise<void> {
    try {
      const now = Date.now();
      if (now - (await stat(file)).mtimeMs > RENEW_MS) await utimes(file, now / 1000, now / 1000);
    } catch {
      // Another process removed it.
    }
  }

  /** Everything there is, and what a crash left half written. */
  private async list(): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (const kind of ['instruction', 'image']) {
      for (const part of await namesIn(path.join(this.folder, kind))) {
        const folder = path.join(this.folder, kind, part);
        if (this.isClosed) return entries;
        for (const name of await namesIn(folder)) {
          const file = path.join(folder, name);
          const info = await stat(file).catch(() => undefined);
          if (info === undefined) continue;
          const key = `embedding:${kind}:${name}`;
          // A minute is more than a write takes.
          const isLeftOver = !KEY.test(key) && Date.now() - info.mtimeMs > 60_000;
          if (isLeftOver) await rm(file, { force: true }).catch(() => undefined);
          else if (KEY.test(key)) {
            entries.push({ file, key, bytes: info.size, usedMs: info.mtimeMs });
          }
        }
      }
    }
    return entries;
  }

  /** Counts the files, and drops the oldest if they are too many. One at a time. */
  private shrink(): Promise<void> {
    this.shrinking ??= this.dropOldest().finally(() => (this.shrinking = undefined));
    return this.shrinking;
  }

  private async dropOldest(): Promise<void> {
    this.written = 0;
    const entries = await this.list();
    if (this.isClosed) return;
    let bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    if (bytes > this.maxBytes) {
      entries.sort((a, b) => a.usedMs - b.usedMs);
      for (const entry of entries) {
        if (bytes <= this.maxBytes * KEPT_SHARE) break;
        await rm(entry.file, { force: true }).catch(() => this.counts.errors++);
        bytes -= entry.bytes;
      }
    }
    // What was written meanwhile may have been counted, or not: too much is put right by the next count.
    this.bytes = bytes + this.written;
  }
}

/** Of the key too: a file under another's name is damage. */
const sumOf = (key: string, bytes: Uint8Array): number => crc32(bytes, crc32(key));

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
