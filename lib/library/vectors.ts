/**
 * Where a library keeps its vectors: the embedded engine in its folder, or a PostgreSQL table. The catalog
 * records which; never both.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Catalog } from '../catalog';
import { EmbeddedVectors } from './embedded-vectors';
import { makeError } from '../base/errors';
import { COMMIT_LOG } from '../base/files/names';
import { objectOf } from '../base/options';
import { lockFile } from '../native/lock';
import { PgVectorStore, type PgVectorStoreOptions, type VectorStore } from '../stores/vectors';
import { CONNECTION_OPTIONS } from '../stores/vectors/pg/pg-options';
import type { ModelIdentity } from '../base/types';
import { VectorIndex } from '../vectors';

/** `postgres://user:password@host:port/database`, or an object with pool settings. */
export type VectorStoreChoice =
  | string
  | Pick<
      PgVectorStoreOptions,
      'url' | 'schema' | 'poolSize' | 'connectTimeoutMs' | 'statementTimeoutMs' | 'reconnectMs'
    >;

/** Of the second form. */
export const VECTOR_STORE_CHOICE = objectOf<Exclude<VectorStoreChoice, string>>(CONNECTION_OPTIONS);

export interface VectorsOptions {
  /** The library's folder. */
  readonly dir: string;
  readonly space: string;
  readonly model: ModelIdentity;
  readonly dim: number;
  readonly readOnly: boolean;
  readonly choice: VectorStoreChoice | undefined;
}

/** A store, and how to empty it for a rebuild. */
export interface LibraryVectors {
  readonly store: VectorStore;
  /**
   * Empties the store. Calls `forget`, which drops the catalog's rows, at the point after which the next
   * open repairs a crash.
   */
  startAfresh(forget: () => void): Promise<void>;
  close(): Promise<void>;
}

/** `meta` entries of the catalog: `postgres` if vectors are in PostgreSQL, and the table. */
const KIND = 'vector_store';
const TABLE = 'vector_table';

/**
 * @throws ERR_ARG_RANGE when the library's vectors are not where `choice` says, ERR_FILE_LOCKED,
 * ERR_LIBRARY_MISSING, and what the engine and PostgreSQL throw
 */
export async function openVectors(
  catalog: Catalog,
  options: VectorsOptions,
): Promise<LibraryVectors> {
  checkChoice(catalog, options);
  return options.choice === undefined
    ? EmbeddedPlace.open(catalog, options)
    : openPostgres(catalog, options, options.choice);
}

function checkChoice(catalog: Catalog, { space, choice }: VectorsOptions): void {
  const isPostgres = catalog.meta(KIND) === 'postgres';
  if (isPostgres && choice === undefined) {
    throw makeError(
      'ERR_ARG_RANGE',
      "this library's vectors are in PostgreSQL: say where with SIGHTLINE_VECTOR_STORE or --vector-store",
    );
  }
  const hasRows = (catalog.space(space)?.committedRows ?? 0) > 0;
  if (!isPostgres && choice !== undefined && hasRows) {
    throw makeError(
      'ERR_ARG_RANGE',
      "this library's vectors are in its folder, not in PostgreSQL: leave out the vector store, or make " +
        'another library with --library',
    );
  }
}

// --- the embedded engine

class EmbeddedPlace implements LibraryVectors {
  private constructor(
    private readonly catalog: Catalog,
    private readonly options: VectorsOptions,
    public store: EmbeddedVectors,
  ) {}

  static async open(catalog: Catalog, options: VectorsOptions): Promise<EmbeddedPlace> {
    return new EmbeddedPlace(catalog, options, await openEngine(options));
  }

  async startAfresh(forget: () => void): Promise<void> {
    const folder = engineFolder(this.options);
    const discarded = `${folder}.old-${process.pid}`;
    this.catalog.home.assertOurs();
    await this.store.close();
    this.catalog.home.assertOurs();
    // Rename first: a crash during removal must not look like a damaged index.
    await rename(folder, discarded);
    forget();
    this.store = await openEngine(this.options);
    await rm(discarded, { recursive: true, force: true });
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

/** Text queries are far from pictures: this storage recognizes them and answers them in full (ADR 8). */
const STORAGE = 'i4';

const engineFolder = ({ dir, space }: VectorsOptions): string => path.join(dir, 'spaces', space);

async function openEngine(options: VectorsOptions): Promise<EmbeddedVectors> {
  const folder = engineFolder(options);
  const { readOnly, dim, dir } = options;
  const label = options.model.sha256;
  const open = (): Promise<VectorIndex> =>
    VectorIndex.open(folder, { readOnly, label, storage: STORAGE });
  if (existsSync(path.join(folder, COMMIT_LOG)))
    return new EmbeddedVectors(await open(), readOnly ? open : undefined);
  if (readOnly)
    throw makeError('ERR_LIBRARY_MISSING', `${dir} has no vectors yet: run a sync first`);
  await mkdir(path.dirname(folder), { recursive: true });
  return new EmbeddedVectors(
    await VectorIndex.create({ dim, metric: 'cosine', path: folder, label, storage: STORAGE }),
  );
}

// --- PostgreSQL

async function openPostgres(
  catalog: Catalog,
  options: VectorsOptions,
  choice: VectorStoreChoice,
): Promise<LibraryVectors> {
  const { space, model, dim, readOnly } = options;
  const known = catalog.meta(TABLE);
  if (readOnly && known === undefined)
    throw makeError('ERR_LIBRARY_MISSING', `${options.dir} has no vectors yet: run a sync first`);
  // One table per library, so that many can share a database.
  const table = known ?? `sightline_${space}_${randomBytes(6).toString('hex')}`;
  // One writer a library. The catalog lies in this folder, so whoever writes it is on this machine.
  const lock = readOnly ? undefined : await lockFile(path.join(options.dir, 'LOCK'));
  try {
    // Record the name first: after a crash the next open creates this table and no other.
    if (known === undefined) catalog.setMeta(TABLE, table);
    const store = await PgVectorStore.open({
      ...(typeof choice === 'string' ? { url: choice } : choice),
      table,
      dim,
      metric: 'cosine',
      model: `${model.sha256}:${model.preprocessVersion}`,
      columns: {},
      readOnly,
    });
    if (!readOnly) catalog.setMeta(KIND, 'postgres');
    return new PostgresPlace(store, lock);
  } catch (error) {
    await lock?.close();
    throw error;
  }
}

class PostgresPlace implements LibraryVectors {
  constructor(
    readonly store: PgVectorStore,
    private readonly lock: FileHandle | undefined,
  ) {}

  async startAfresh(forget: () => void): Promise<void> {
    // After a crash in between the catalog counts missing rows, which `reconcile` repairs.
    await this.store.rollbackTo(0);
    forget();
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.lock?.close();
  }
}
