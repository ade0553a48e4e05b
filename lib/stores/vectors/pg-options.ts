/** What a store can be told, its defaults and ranges. */
import { checkInteger, checkOneOf, checkText, outOfRange, wrongType } from './checks';
import { checkIdentifier, checkTableName } from './identifiers';
import type { ConnectionOptions } from './pg-connection';
import { METRICS } from './pg-index';
import {
  MAX_HALFVEC_DIM,
  MAX_VECTOR_DIM,
  type ColumnType,
  type TableSpec,
  type VectorType,
} from './pg-schema';
import type { Metric } from './vector-store';

export interface PgConnectionOptions {
  /** `postgres://user:password@host:port/database`; left out: the PG* variables of the environment. */
  readonly url?: string;
  /** Connections at most, 1..64; default 4. */
  readonly poolSize?: number;
  /** Calls that may wait for a connection, 1..100000; default 1000. More are ERR_POOL_FULL. */
  readonly maxWaiting?: number;
  /** 1..600000; default 5000. */
  readonly connectTimeoutMs?: number;
  /** Of every statement but building an index, 10..3600000; default 30000. */
  readonly statementTimeoutMs?: number;
  /** How long safe work is tried again while the server is away, 0..3600000; default 10000. */
  readonly reconnectMs?: number;
}

export interface PgVectorStoreOptions extends PgConnectionOptions {
  /** Lower-case letters, digits and `_`, at most 48. */
  readonly table: string;
  /** Default `public`. Must be there. */
  readonly schema?: string;
  /** Values per vector, 1..4000. */
  readonly dim: number;
  /** Default cosine. */
  readonly metric?: Metric;
  /** What made the vectors, for example a model's hash. Vectors of two models never mix. */
  readonly model: string;
  /** `vector` (float32, up to 2000) or `halfvec` (half of the bytes, up to 4000); default by `dim`. */
  readonly type?: VectorType;
  /** Columns to filter by, beside `metadata`; default `{ owner: 'text' }`. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** Makes nothing, refuses writes; default false. */
  readonly readOnly?: boolean;
}

const COLUMN_TYPES: readonly ColumnType[] = ['text', 'bigint', 'double precision', 'boolean'];
/** Ours, and those that every table of PostgreSQL has. */
const RESERVED = new Set(
  'key row embedding metadata place tableoid xmin cmin xmax cmax ctid'.split(' '),
);

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkSpec(options: PgVectorStoreOptions): TableSpec {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw wrongType('options', 'an object', options);
  const dim = checkInteger('dim', options.dim, 1, MAX_HALFVEC_DIM);
  const type = checkOneOf<VectorType>(
    'type',
    options.type ?? (dim <= MAX_VECTOR_DIM ? 'vector' : 'halfvec'),
    ['vector', 'halfvec'],
  );
  if (type === 'vector' && dim > MAX_VECTOR_DIM)
    throw outOfRange('dim', `at most ${MAX_VECTOR_DIM} for type vector (halfvec: 4000)`, dim);
  const columns = options.columns ?? { owner: 'text' };
  for (const [name, columnType] of Object.entries(columns)) {
    checkIdentifier('a column', name);
    if (RESERVED.has(name)) throw outOfRange('a column', 'another name', name);
    checkOneOf(`columns.${name}`, columnType, COLUMN_TYPES);
  }
  return {
    schema: checkIdentifier('schema', options.schema ?? 'public'),
    table: checkTableName('table', options.table),
    dim,
    metric: checkOneOf('metric', options.metric ?? 'cosine', METRICS),
    type,
    model: checkText('model', options.model),
    columns: { ...columns },
  };
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkConnection(options: PgConnectionOptions): ConnectionOptions {
  const { url, poolSize, maxWaiting, connectTimeoutMs, statementTimeoutMs, reconnectMs } = options;
  return {
    ...(url === undefined ? {} : { url: checkText('url', url) }),
    poolSize: checkInteger('poolSize', poolSize ?? 4, 1, 64),
    maxWaiting: checkInteger('maxWaiting', maxWaiting ?? 1000, 1, 100_000),
    connectTimeoutMs: checkInteger('connectTimeoutMs', connectTimeoutMs ?? 5000, 1, 600_000),
    statementTimeoutMs: checkInteger(
      'statementTimeoutMs',
      statementTimeoutMs ?? 30_000,
      10,
      3_600_000,
    ),
    reconnectMs: checkInteger('reconnectMs', reconnectMs ?? 10_000, 0, 3_600_000),
  };
}
