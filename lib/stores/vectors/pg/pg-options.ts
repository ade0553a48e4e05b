/** Options of a PostgreSQL store: defaults and ranges. */
import {
  BOOLEAN,
  integer,
  oneOf,
  RECORD,
  readOptions,
  type OptionRules,
} from '../../../base/options';
import { checkOneOf, checkText, outOfRange } from '../checks';
import { checkIdentifier, checkTableName } from '../identifiers';
import type { ConnectionOptions } from './pg-connection';
import { METRICS } from './schema/pg-index';
import {
  MAX_HALFVEC_DIM,
  MAX_VECTOR_DIM,
  type ColumnType,
  type TableSpec,
  type VectorType,
} from './schema/pg-schema';
import type { Metric } from '../vector-store';

export interface PgConnectionOptions {
  /** `postgres://user:password@host:port/database`; default: the PG* environment variables. */
  readonly url?: string;
  /** Most connections, 1..64; default 4. */
  readonly poolSize?: number;
  /** Most calls waiting for a connection, 1..100000; default 1000. Further ones fail with ERR_POOL_FULL. */
  readonly maxWaiting?: number;
  /** 1..600000; default 5000. */
  readonly connectTimeoutMs?: number;
  /** Per statement, except index builds, 10..3600000; default 30000. */
  readonly statementTimeoutMs?: number;
  /** How long safe work is retried while the server is unreachable, 0..3600000; default 10000. */
  readonly reconnectMs?: number;
}

export interface PgVectorStoreOptions extends PgConnectionOptions {
  /** Lower-case letters, digits and `_`, at most 48. */
  readonly table: string;
  /** Default `public`. Must exist. */
  readonly schema?: string;
  /** Values per vector, 1..4000. */
  readonly dim: number;
  /** Default cosine. */
  readonly metric?: Metric;
  /** Identifies the model, for example by hash. Vectors of two models never mix. */
  readonly model: string;
  /** `vector` (float32, up to 2000) or `halfvec` (half the bytes, up to 4000); default by `dim`. */
  readonly type?: VectorType;
  /** Columns to filter by, besides `metadata`; default `{ owner: 'text' }`. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** Creates nothing, refuses writes; default false. */
  readonly readOnly?: boolean;
}

/** Options that a library's user may set too. */
export const CONNECTION_OPTIONS = {
  url: checkText,
  schema: checkIdentifier,
  poolSize: integer(1, 64),
  connectTimeoutMs: integer(1, 600_000),
  statementTimeoutMs: integer(10, 3_600_000),
  reconnectMs: integer(0, 3_600_000),
} as const;

const STORE_OPTIONS: OptionRules<PgVectorStoreOptions> = {
  ...CONNECTION_OPTIONS,
  table: checkTableName,
  dim: integer(1, MAX_HALFVEC_DIM),
  metric: oneOf(METRICS),
  model: checkText,
  type: oneOf(['vector', 'halfvec']),
  columns: RECORD,
  readOnly: BOOLEAN,
  maxWaiting: integer(1, 100_000),
};

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkStoreOptions(given: PgVectorStoreOptions): PgVectorStoreOptions {
  return readOptions('options', given, STORE_OPTIONS);
}

const COLUMN_TYPES: readonly ColumnType[] = ['text', 'bigint', 'double precision', 'boolean'];
/** Our column names, and PostgreSQL's system columns. */
const RESERVED = new Set(
  'key row embedding metadata place tableoid xmin cmin xmax cmax ctid'.split(' '),
);

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkSpec(options: PgVectorStoreOptions): TableSpec {
  const dim = STORE_OPTIONS.dim('dim', options.dim);
  const type: VectorType = options.type ?? (dim <= MAX_VECTOR_DIM ? 'vector' : 'halfvec');
  if (type === 'vector' && dim > MAX_VECTOR_DIM)
    throw outOfRange('dim', `at most ${MAX_VECTOR_DIM} for type vector (halfvec: 4000)`, dim);
  const columns = options.columns ?? { owner: 'text' };
  for (const [name, columnType] of Object.entries(columns)) {
    checkIdentifier('a column', name);
    if (RESERVED.has(name)) throw outOfRange('a column', 'another name', name);
    checkOneOf(`columns.${name}`, columnType, COLUMN_TYPES);
  }
  return {
    schema: options.schema ?? 'public',
    table: checkTableName('table', options.table),
    dim,
    metric: options.metric ?? 'cosine',
    type,
    model: checkText('model', options.model),
    columns: { ...columns },
  };
}

export function checkConnection(options: PgConnectionOptions): ConnectionOptions {
  const { url, poolSize, maxWaiting, connectTimeoutMs, statementTimeoutMs, reconnectMs } = options;
  return {
    url,
    poolSize: poolSize ?? 4,
    maxWaiting: maxWaiting ?? 1000,
    connectTimeoutMs: connectTimeoutMs ?? 5000,
    statementTimeoutMs: statementTimeoutMs ?? 30_000,
    reconnectMs: reconnectMs ?? 10_000,
  };
}
