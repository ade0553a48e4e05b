/**
 * SQL over a library: read-only views, DISTANCE and DOT_PRODUCT by the native kernels, nearest() and `ORDER BY DISTANCE LIMIT` by
 * the engine (ADR 26). Knows the catalog's tables; what is searched in the engine is given to it.
 */
import { types } from 'node:util';
import { bytesOfVector, vectorOfBytes } from '../base/arrays';
import { makeError } from '../base/errors';
import { MAX_HITS } from '../base/limits';
import { BOOLEAN, integer, SIGNAL, type OptionRules } from '../base/options';
import { SqlProcess } from './process';
import type { NearRows, SqlAnswer, SqlValue } from './protocol';
import { rewrite, type Argument, type NearestCall, type Rewritten } from './rewrite';
import { tokensOf, type Token } from './tokens';
import { topKOf, type TopK } from './top-k';
import { bytesOfJson } from './vectors';

export type { NearRows, SqlAnswer, SqlValue } from './protocol';
export { rewrite, type Rewritten } from './rewrite';
export { tokensOf } from './tokens';

export interface SqlOptions {
  /** Most rows of the answer, 1 to 1,000,000; default 10,000. */
  readonly limit?: number;
  /** Milliseconds after which a statement is ended, 1 to 3,600,000; default 30,000. */
  readonly timeoutMs?: number;
  /** Every row is compared: no index, no shortcut. Default false. */
  readonly exact?: boolean;
  readonly signal?: AbortSignal;
}

export const SQL_OPTIONS: OptionRules<SqlOptions> = {
  limit: integer(1, 1_000_000),
  timeoutMs: integer(1, 3_600_000),
  exact: BOOLEAN,
  signal: SIGNAL,
};

export interface SqlResult extends SqlAnswer {
  /** How vectors were found: `index` (graph), `scan` (all rows, in the engine), `rows` (all rows, in SQL). */
  readonly via: 'index' | 'scan' | 'rows';
  readonly tookMs: number;
}

export interface SearchedSpace {
  readonly k: number;
  readonly exact: boolean;
  /** Hits beyond it are left out. */
  readonly below?: number | undefined;
}

export interface SqlSources {
  /** The catalog's file. */
  readonly file: string;
  /** Of the EXR embeddings that the views show. */
  version(): number;
  /** Undefined: there is no such space. */
  search(space: string, vector: Float32Array, how: SearchedSpace): Promise<NearRows | undefined>;
}

const SPACE_OF: Readonly<Record<string, string>> = {
  metadata_embedding: 'exr-metadata',
  channel_fingerprint: 'exr-channels',
};

/** Candidates for each row of the answer. The graph's own order is checked again by exact distances. */
const PER_ROW = 4;
const LEAST_CANDIDATES = 100;

export class SqlRunner {
  private readonly process = new SqlProcess();

  constructor(private readonly sources: SqlSources) {}

  /**
   * @param params  one for each question mark
   * @throws ERR_ARG_TYPE | ERR_ARG_RANGE (also: not a statement that reads, or one that SQLite refuses) | ERR_DIM_MISMATCH |
   *   ERR_NOT_FOUND | ERR_TIMEOUT | ERR_NO_MEMORY | ERR_POOL_FULL | ERR_ABORTED | ERR_CLOSED
   */
  async run(
    sql: string,
    params: readonly SqlValue[],
    options: SqlOptions = {},
  ): Promise<SqlResult> {
    const started = performance.now();
    const tokens = tokensOf(sql);
    const written = rewrite(sql, tokens);
    const wanted = tokens.filter(({ kind }) => kind === 'param').length;
    if (params.length !== wanted)
      throw makeError(
        'ERR_ARG_RANGE',
        `the SQL statement has ${wanted} question marks and got ${params.length} parameters`,
      );
    const job = {
      text: sql,
      tokens,
      written,
      params,
      options,
      nearest: await this.nearest(written.nearest, params),
    };
    const { answer, via } = (await this.byCandidates(job)) ?? {
      answer: await this.runOn(job, undefined),
      via: 'rows' as const,
    };
    return { ...answer, via, tookMs: performance.now() - started };
  }

  close(): void {
    this.process.close();
  }

  private runOn(
    { text, written, params, options, nearest }: Job,
    candidates: Float64Array | undefined,
  ): Promise<SqlAnswer> {
    const { sql, fastSql, kept, vectorPlaces } = written;
    const { limit = 10_000, timeoutMs = 30_000, signal } = options;
    const request = {
      ...{
        file: this.sources.file,
        version: this.sources.version(),
        written: text,
        sql,
        fastSql,
        vectorPlaces,
        limit,
      },
      params: kept.map((place, i) => {
        const value = params[place] as SqlValue;
        return vectorPlaces.includes(i) && typeof value === 'string' ? bytesOfJson(value) : value;
      }),
      ...{ candidates, nearest },
    };
    return this.process.run(request, timeoutMs, signal);
  }

  /** Undefined where all rows must be looked at. */
  private async byCandidates(
    job: Job,
  ): Promise<{ answer: SqlAnswer; via: 'index' | 'scan' } | undefined> {
    const { tokens, params, options } = job;
    const top = options.exact === true ? undefined : topKOf(tokens, (place) => params[place]);
    if (top === undefined) return undefined;
    const vector = floatsOf(params[top.place]);
    const space = SPACE_OF[top.column];
    if (vector === undefined || space === undefined) return undefined;
    const below = belowOf(top, params);
    let k = Math.max(LEAST_CANDIDATES, PER_ROW * top.rows);
    for (; k < MAX_HITS; k *= 10) {
      const found = await this.sources.search(space, vector, { k, exact: top.hasWhere, below });
      if (found === undefined) return undefined;
      const answer = await this.runOn(job, found.ids);
      // Fewer hits than asked for: these are all there are.
      const isComplete =
        answer.rows.length >= top.rows || found.ids.length < k || answer.isTruncated;
      if (isComplete) return { answer, via: top.hasWhere ? 'scan' : 'index' };
    }
    return undefined;
  }

  private nearest(calls: readonly NearestCall[], params: readonly SqlValue[]): Promise<NearRows[]> {
    const value = (argument: Argument): SqlValue | undefined =>
      'place' in argument ? params[argument.place] : argument.literal;
    return Promise.all(
      calls.map(async (call) => {
        const space = String(value(call.space));
        const vector = floatsOf(value(call.vector));
        const k = Number(value(call.k));
        if (vector === undefined)
          throw makeError('ERR_ARG_TYPE', 'nearest(): the second argument is a vector');
        if (!Number.isInteger(k) || k < 1 || k >= MAX_HITS)
          throw makeError(
            'ERR_ARG_RANGE',
            `nearest(): k is a whole number from 1 to ${MAX_HITS - 1}`,
          );
        const found = await this.sources.search(space, vector, { k, exact: false });
        if (found !== undefined) return found;
        throw makeError('ERR_NOT_FOUND', `nearest(): the library has no space "${space}"`, {
          details: { space },
        });
      }),
    );
  }
}

interface Job {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly written: Rewritten;
  readonly params: readonly SqlValue[];
  readonly options: SqlOptions;
  readonly nearest: readonly NearRows[];
}

/** Only where both distances are to the same vector. */
function belowOf({ below, place }: TopK, params: readonly SqlValue[]): number | undefined {
  if (below === undefined) return undefined;
  const [a, b] = [params[below.place], params[place]].map(floatsOf);
  const isSame =
    a !== undefined && b !== undefined && Buffer.compare(bytesOfVector(a), bytesOfVector(b)) === 0;
  return isSame ? below.distance : undefined;
}

function floatsOf(value: SqlValue | undefined): Float32Array | undefined {
  const bytes = typeof value === 'string' ? bytesOfJson(value) : value;
  if (!types.isUint8Array(bytes) || bytes.byteLength % 4 !== 0) return undefined;
  return vectorOfBytes(bytes);
}
