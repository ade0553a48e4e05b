/**
 * Where a library keeps its vectors: the embedded engine in its folder, or a PostgreSQL table. The catalog
 * records which; never both.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Catalog, SpaceRecord } from '../../catalog';
import type { ClipOptions } from '../../encode';
import { EmbeddedVectors } from './embedded-vectors';
import { makeError } from '../../base/errors';
import { COMMIT_LOG, SPACES_FOLDER } from '../../base/files/names';
import { objectOf } from '../../base/options';
import { lockFile } from '../../native/lock';
import { PgVectorStore, type PgVectorStoreOptions, type VectorStore } from '../../stores/vectors';
import { CONNECTION_OPTIONS } from '../../stores/vectors/pg/pg-options';
import type { ModelIdentity } from '../../base/types';
import { VectorIndex } from '../../vectors';

/** `postgres://user:password@host:port/database`, or an object with pool settings. */
export type VectorStoreChoice =
  | string
  | Pick<
      PgVectorStoreOptions,
      'url' | 'schema' | 'poolSize' | 'connectTimeoutMs' | 'statementTimeoutMs' | 'reconnectMs'
    >;

/** Of the second form. */
export const VECTOR_STORE_CHOICE = objectOf<Exclude<VectorStoreChoice, string>>(CONNECTION_OPTIONS);

/** Where an open library lies and how it was opened: the same for each of its spaces. */
export interface LibraryPlace {
  readonly root: string;
  /** The library's own folder. */
  readonly dir: string;
  readonly readOnly: boolean;
  readonly choice: VectorStoreChoice | undefined;
  readonly encoder: ClipOptions;
}

/** Whose vectors they are. */
export interface VectorsOf {
  /** Of the space. */
  readonly name: string;
  readonly model: ModelIdentity;
  readonly dim: number;
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

/** `meta` entry of the catalog: `postgres` if vectors are in PostgreSQL. */
const KIND = 'vector_store';

/**
 * @throws ERR_FILE_LOCKED | ERR_LIBRARY_MISSING, and what the engine and PostgreSQL throw
 */
export async function openVectors(
  catalog: Catalog,
  place: LibraryPlace,
  of: VectorsOf,
): Promise<LibraryVectors> {
  return place.choice === undefined
    ? EmbeddedPlace.open(catalog, place, of)
    : openPostgres(catalog, place, of, place.choice);
}

/**
 * The lock of a library's one writer where its vectors are in PostgreSQL; the engine locks its own folder.
 * The catalog lies in the library's folder, so whoever writes it is on this machine.
 *
 * @throws ERR_FILE_LOCKED | ERR_ARG_RANGE when the library's vectors are not where the place says
 */
export async function lockWriter(
  catalog: Catalog,
  place: LibraryPlace,
): Promise<FileHandle | undefined> {
  checkChoice(catalog, place);
  const { dir, readOnly, choice } = place;
  return readOnly || choice === undefined ? undefined : lockFile(path.join(dir, 'LOCK'));
}

/**
 * Drops a space that is not open, for good: its vectors and its entries in the catalog. A crash in between
 * leaves a space without vectors, which is filled or dropped later.
 */
export async function discardSpace(
  catalog: Catalog,
  place: LibraryPlace,
  { name, vectorTable, model, dim }: SpaceRecord,
): Promise<void> {
  if (place.choice !== undefined && vectorTable !== undefined) {
    const of = { name, model, dim };
    const store = await PgVectorStore.open(tableOptions(place.choice, vectorTable, of, false));
    try {
      await store.drop();
    } finally {
      await store.close();
    }
  }
  catalog.spaces.drop(name);
  await sweepFolders(catalog, place);
}

/** Folders that the engine was given here, and those that a rebuild set aside. */
const OURS = /^clip(-\d+)?(\.old-\d+)?$/;

/** Removes folders of spaces that the catalog no longer has. One that is in use stays until the next time. */
export async function sweepFolders(catalog: Catalog, { dir }: LibraryPlace): Promise<void> {
  const folder = path.join(dir, SPACES_FOLDER);
  const names = await readdir(folder).catch(() => []);
  const known = new Set(catalog.spaces.all().map(({ name }) => name));
  for (const name of names.filter((one) => OURS.test(one) && !known.has(one))) {
    catalog.home.assertOurs();
    await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** @throws ERR_FILE_MISSING where a space that has rows has no files (embedded engine) */
export function assertVectors({ dir, choice }: LibraryPlace, space: SpaceRecord): void {
  const folder = engineFolder({ dir }, space);
  if (choice !== undefined || space.committedRows === 0) return;
  if (existsSync(path.join(folder, COMMIT_LOG))) return;
  throw makeError('ERR_FILE_MISSING', `the vectors of ${space.model.id} are gone from ${folder}`, {
    details: { path: folder },
  });
}

function checkChoice(catalog: Catalog, { choice }: LibraryPlace): void {
  const isPostgres = catalog.meta(KIND) === 'postgres';
  if (isPostgres && choice === undefined) {
    throw makeError(
      'ERR_ARG_RANGE',
      "this library's vectors are in PostgreSQL: say where with SIGHTLINE_VECTOR_STORE or --vector-store",
    );
  }
  const hasRows = catalog.spaces.all().some(({ committedRows }) => committedRows > 0);
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
    private readonly place: LibraryPlace,
    private readonly of: VectorsOf,
    public store: EmbeddedVectors,
  ) {}

  static async open(catalog: Catalog, place: LibraryPlace, of: VectorsOf): Promise<EmbeddedPlace> {
    return new EmbeddedPlace(catalog, place, of, await openEngine(place, of));
  }

  async startAfresh(forget: () => void): Promise<void> {
    const folder = engineFolder(this.place, this.of);
    const discarded = `${folder}.old-${process.pid}`;
    this.catalog.home.assertOurs();
    await this.store.close();
    this.catalog.home.assertOurs();
    // Rename first: a crash during removal must not look like a damaged index.
    await rename(folder, discarded);
    forget();
    this.store = await openEngine(this.place, this.of);
    await rm(discarded, { recursive: true, force: true });
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

/** Text queries are far from pictures: this storage recognizes them and answers them in full (ADR 8). */
const STORAGE = 'i4';

const engineFolder = (
  { dir }: Pick<LibraryPlace, 'dir'>,
  { name }: Pick<VectorsOf, 'name'>,
): string => path.join(dir, SPACES_FOLDER, name);

async function openEngine(place: LibraryPlace, of: VectorsOf): Promise<EmbeddedVectors> {
  const folder = engineFolder(place, of);
  const { readOnly, dir } = place;
  const { dim } = of;
  const label = of.model.sha256;
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
  { dir, readOnly }: LibraryPlace,
  of: VectorsOf,
  choice: VectorStoreChoice,
): Promise<LibraryVectors> {
  const known = catalog.spaces.byName(of.name)?.vectorTable;
  if (readOnly && known === undefined)
    throw makeError('ERR_LIBRARY_MISSING', `${dir} has no vectors yet: run a sync first`);
  // One table per space, so that many libraries can share a database.
  const name = `sightline_${of.name.replace('-', '_')}_${randomBytes(6).toString('hex')}`;
  const table = known ?? name;
  // Record the name first: after a crash the next open creates this table and no other.
  if (known === undefined) catalog.spaces.setVectorTable(of.name, table);
  const store = await PgVectorStore.open(tableOptions(choice, table, of, readOnly));
  if (!readOnly) catalog.setMeta(KIND, 'postgres');
  return new PostgresPlace(store);
}

const tableOptions = (
  choice: VectorStoreChoice,
  table: string,
  { model, dim }: VectorsOf,
  readOnly: boolean,
): PgVectorStoreOptions => ({
  ...(typeof choice === 'string' ? { url: choice } : choice),
  table,
  dim,
  metric: 'cosine',
  model: `${model.sha256}:${model.preprocessVersion}`,
  columns: {},
  readOnly,
});

class PostgresPlace implements LibraryVectors {
  constructor(readonly store: PgVectorStore) {}

  async startAfresh(forget: () => void): Promise<void> {
    // After a crash in between the catalog counts missing rows, which `reconcile` repairs.
    await this.store.rollbackTo(0);
    forget();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
