/**
 * Embeddings in Redis, with a time to live. An unreachable or hanging Redis delays a caller once, by at
 * most `timeoutMs`: then it counts as down and everything is a miss, until a background PING every
 * `retryMs` succeeds. One notice when it goes down, one when it is back.
 */
import type * as Ioredis from 'ioredis';
import { isError, makeError, messageOf } from '../../base/errors';
import { FUNCTION, integer, readOptions, TEXT, type OptionRules } from '../../base/options';
import { CacheCounts, type CacheReport, type CacheStats, type EmbeddingCache } from './contract';
import { checkTtl, matcherOf, TTL_SECONDS, wholePattern } from './key';
import { fromBytes, toBytes } from './value';

export interface RedisCacheOptions {
  /** `redis://` or `rediss://`, with password and database number where needed. */
  readonly url: string;
  /** Seconds; default 300. */
  readonly ttlSeconds?: number;
  /** Longest wait for an answer; default 250 ms. */
  readonly timeoutMs?: number;
  /** Interval of retries while Redis is down; default 1 s. */
  readonly retryMs?: number;
  readonly onNotice?: (line: string) => void;
}

const REDIS_CACHE_OPTIONS: OptionRules<RedisCacheOptions> = {
  url: TEXT,
  ttlSeconds: TTL_SECONDS,
  timeoutMs: integer(1, 600_000),
  retryMs: integer(0, 3_600_000),
  onNotice: FUNCTION,
};

const SCAN_COUNT = 500;
/** Keys of one command: some 2 MB of vectors, which Redis answers in a few milliseconds. */
const KEYS_AT_ONCE = 1000;

export class RedisCache implements EmbeddingCache {
  private readonly counts = new CacheCounts();
  private readonly client: Ioredis.Redis;
  private readonly options: RedisCacheOptions;
  private readonly ttlSeconds: number;
  private readonly retryMs: number;
  private isAway = false;
  private connecting: Promise<void> | undefined;
  private nextPing: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** For the notices. */
  private readonly where: string;

  /** @throws ERR_ARG_RANGE for a text that is no Redis address. Does not connect yet. */
  constructor(given: RedisCacheOptions) {
    const options = readOptions('options', given, REDIS_CACHE_OPTIONS);
    TEXT('url', options.url);
    this.options = options;
    this.ttlSeconds = options.ttlSeconds ?? 300;
    this.retryMs = options.retryMs ?? 1000;
    this.where = placeOf(options.url);
    const timeoutMs = options.timeoutMs ?? 250;
    // Loaded on demand: it takes longer to load than the rest of the package.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const ioredis = require('ioredis') as typeof Ioredis;
    this.client = new ioredis.Redis(options.url, {
      lazyConnect: true,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      // Nothing waits for a connection: a command without one fails at once.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(100 * attempt, this.retryMs),
    });
    // Each failed command reports by itself; without a listener these would end the process.
    this.client.on('error', () => undefined);
    this.client.on('ready', () => this.back());
  }

  async get(key: string, dim: number): Promise<Float32Array | undefined> {
    return (await this.getMany([key], dim))[0];
  }

  async getMany(keys: readonly string[], dim: number): Promise<(Float32Array | undefined)[]> {
    const found: (Float32Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const part = keys.slice(at, at + KEYS_AT_ONCE);
      const values = await this.ask((client) => client.mgetBuffer(...part));
      for (let i = 0; i < part.length; i++) {
        const bytes = values?.[i];
        const vector = bytes ? fromBytes(bytes, dim) : undefined;
        if (bytes && vector === undefined) this.counts.errors++;
        found.push(this.counts.found(vector));
      }
    }
    return found;
  }

  async set(key: string, vector: Float32Array, ttlSeconds?: number): Promise<boolean> {
    const ttl = this.millisecondsOf(ttlSeconds);
    const answer = await this.ask((client) => client.set(key, toBytes(vector), 'PX', ttl));
    return answer === 'OK';
  }

  async setMany(
    entries: ReadonlyMap<string, Float32Array>,
    ttlSeconds?: number,
  ): Promise<ReadonlyMap<string, boolean>> {
    const ttl = this.millisecondsOf(ttlSeconds);
    const all = [...entries];
    const kept = new Map<string, boolean>(all.map(([key]) => [key, false]));
    for (let at = 0; at < all.length; at += KEYS_AT_ONCE) {
      const part = all.slice(at, at + KEYS_AT_ONCE);
      await this.ask(async (client) => {
        const pipeline = client.pipeline();
        for (const [key, vector] of part) pipeline.set(key, toBytes(vector), 'PX', ttl);
        const answers = (await pipeline.exec()) ?? [];
        answers.forEach(([error], i) =>
          kept.set((part[i] as [string, unknown])[0], error === null),
        );
        for (const [error] of answers) if (error) throw error;
      });
    }
    return kept;
  }

  private millisecondsOf(ttlSeconds: number | undefined): number {
    return Math.max(1, Math.round((checkTtl(ttlSeconds) ?? this.ttlSeconds) * 1000));
  }

  /** By SCAN and UNLINK: KEYS and DEL would stop a large Redis for all its users. */
  async clearPattern(pattern: string): Promise<number> {
    const matches = matcherOf(pattern);
    let gone = 0;
    await this.scan(async (keys) => {
      const matching = keys.filter(matches);
      if (matching.length > 0)
        gone += (await this.ask((client) => client.unlink(...matching))) ?? 0;
    });
    return gone;
  }

  /** The server's memory and the keys of embeddings in it, counted by a walk over all its keys. */
  async getStats(): Promise<CacheReport> {
    let totalKeys = 0;
    await this.scan((keys) => {
      totalKeys += keys.length;
    });
    const info = (await this.ask((client) => client.info('memory'))) ?? '';
    const memoryUsed = Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0);
    return { ...this.stats(), totalKeys, memoryUsed };
  }

  /** All keys of embeddings. Patterns are matched here: Redis' own language knows more than `*`. */
  private async scan(each: (keys: string[]) => void | Promise<void>): Promise<void> {
    let cursor = '0';
    do {
      const step: [string, string[]] | undefined = await this.ask((client) =>
        client.scan(cursor, 'MATCH', wholePattern('*'), 'COUNT', SCAN_COUNT),
      );
      if (step === undefined) {
        throw makeError(
          'ERR_STORE_UNAVAILABLE',
          `the cache at ${this.where} does not answer: is Redis running? Nothing more was done`,
        );
      }
      await each(step[1]);
      cursor = step[0];
    } while (cursor !== '0');
  }

  stats(): CacheStats {
    const { hits, misses, errors } = this.counts;
    return { kind: 'redis', hits, misses, errors, isReachable: !this.isAway };
  }

  close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.nextPing);
    this.client.disconnect();
    return Promise.resolve();
  }

  /** Undefined when there was no answer. */
  private async ask<T>(work: (client: Ioredis.Redis) => Promise<T>): Promise<T | undefined> {
    if (this.isClosed) return undefined;
    if (this.isAway) {
      this.counts.errors++;
      return undefined;
    }
    try {
      await this.connected();
      return await work(this.client);
    } catch (error) {
      this.counts.errors++;
      // An answer that says no is an answer: somebody else keeps something of another type there.
      // An answer that Redis gave: it is there.
      if (!(isError(error) && error.name === 'ReplyError')) this.away(error);
      return undefined;
    }
  }

  /** All first callers wait for one connection. */
  private connected(): Promise<void> {
    if (this.client.status === 'wait') {
      this.connecting = this.client.connect().finally(() => (this.connecting = undefined));
    }
    return this.connecting ?? Promise.resolve();
  }

  private away(error: unknown): void {
    if (this.isAway || this.isClosed) return;
    this.isAway = true;
    this.pingLater();
    this.options.onNotice?.(
      `the cache at ${this.where} does not answer (${messageOf(error)}): embeddings are computed until it does`,
    );
  }

  private pingLater(): void {
    const ping = async (): Promise<void> => {
      try {
        await this.client.ping();
        this.back();
      } catch {
        if (this.isAway && !this.isClosed) this.pingLater();
      }
    };
    this.nextPing = setTimeout(() => void ping(), this.retryMs).unref();
  }

  private back(): void {
    if (!this.isAway || this.isClosed) return;
    this.isAway = false;
    clearTimeout(this.nextPing);
    this.options.onNotice?.(`the cache at ${this.where} answers again`);
  }
}

/** The address without its password. */
function placeOf(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw makeError('ERR_ARG_RANGE', 'a Redis address looks like redis://localhost:6379', {
      cause,
    });
  }
  if (!/^rediss?:$/.test(parsed.protocol)) {
    throw makeError(
      'ERR_ARG_RANGE',
      `a Redis address begins with redis:// or rediss://, not ${parsed.protocol}//`,
    );
  }
  return parsed.host;
}
