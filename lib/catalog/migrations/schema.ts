/** The catalog's tables and their versions. A new version is a new entry of `MIGRATIONS`, never an edit. */
import { makeError } from '../../base/errors';
import { rewriteMedia } from './rewrite-media';
import { sqliteDriver, type SqliteDatabase } from '../sqlite/sqlite';

/** "SLc1": marks a SQLite file as a Sightline catalog. */
const APPLICATION_ID = 0x534c6331;

interface Migration {
  readonly sql: string;
  /** What SQL cannot do (checksums). Runs in the same transaction, after `sql`. */
  readonly rewrite?: (db: SqliteDatabase) => void;
}

const MIGRATIONS: readonly Migration[] = [
  {
    sql: `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

  CREATE TABLE media (
    media_id TEXT PRIMARY KEY CHECK (length(media_id) = 32),
    path TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('image', 'video')),
    size_bytes INTEGER NOT NULL,
    mtime_ms REAL NOT NULL,
    content_hash TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'indexed', 'skipped', 'failed')),
    code TEXT,
    reason TEXT,
    width INTEGER,
    height INTEGER,
    captured_at TEXT,
    attempts INTEGER NOT NULL,
    -- CRC-32 of media_id, path and kind, which every result shows; and of all the other columns.
    -- SQLite does not notice a flipped payload bit by itself.
    identity_checksum INTEGER NOT NULL,
    state_checksum INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE frames (
    frame_id INTEGER PRIMARY KEY,
    media_id TEXT NOT NULL REFERENCES media (media_id),
    timestamp REAL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- CRC-32 of the other columns.
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX frames_of_media ON frames (media_id);

  CREATE TABLE spaces (
    name TEXT PRIMARY KEY,
    model_id TEXT NOT NULL,
    revision TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    preprocess_version INTEGER NOT NULL,
    dim INTEGER NOT NULL,
    committed_rows INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE frame_rows (
    space TEXT NOT NULL REFERENCES spaces (name),
    row INTEGER NOT NULL,
    frame_id INTEGER NOT NULL REFERENCES frames (frame_id),
    -- CRC-32 of the other columns: a flipped bit here would show the wrong picture.
    checksum INTEGER NOT NULL,
    PRIMARY KEY (space, row)
  ) WITHOUT ROWID, STRICT;
  CREATE UNIQUE INDEX row_of_frame ON frame_rows (space, frame_id);

  -- Frames that wait to be encoded. A table of its own, so that asking costs what is waiting, not
  -- what there is.
  CREATE TABLE pending_frames (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE failed_frames (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID, STRICT;

  -- Frames that are gone here and still have a row in the engine.
  CREATE TABLE graves (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID, STRICT;
  `,
  },
  {
    sql: `
  -- How frames were encoded (spec 003): one entry for a batch, which its rows name. Entries whose
  -- rows are gone stay: at most one for each batch ever encoded, about a hundred bytes.
  CREATE TABLE encodings (
    encoding_id INTEGER PRIMARY KEY,
    space TEXT NOT NULL,
    device TEXT NOT NULL,
    -- Per frame; null when nothing was inferred.
    inference_ms REAL,
    created_at TEXT NOT NULL,
    -- CRC-32 of the other columns.
    checksum INTEGER NOT NULL
  ) STRICT;

  -- Null in rows of version 1. From version 2 on the row's checksum covers it, unless it is null.
  ALTER TABLE frame_rows ADD COLUMN encoding_id INTEGER;

  ALTER TABLE failed_frames ADD COLUMN code TEXT NOT NULL DEFAULT 'ERR_ENCODE';
  ALTER TABLE failed_frames ADD COLUMN device TEXT;
  ALTER TABLE failed_frames ADD COLUMN created_at TEXT;
  `,
  },
  {
    // What is left to do, and whose reason is kept, were read from the wording of the reason.
    sql: `
  -- 1: the next sync decodes the file although it has not changed.
  ALTER TABLE media ADD COLUMN needs_decoding INTEGER NOT NULL DEFAULT 0;
  -- Who gave code and reason: the decoder or the encoder; null: there are none.
  ALTER TABLE media ADD COLUMN fault TEXT CHECK (fault IN ('decode', 'encode'));
  -- A remark about a file that is indexed all the same, for example that its end is missing.
  ALTER TABLE media ADD COLUMN note TEXT;
  -- Time of the last change of the file's inode; null where an older version recorded none.
  ALTER TABLE media ADD COLUMN ctime_ms REAL;
  -- How frames were taken, as pipeline/sampling.ts words it; null where an older version did not say.
  ALTER TABLE media ADD COLUMN sampling TEXT;

  -- CRC-32 of the stored picture; null where an older version recorded none.
  ALTER TABLE frames ADD COLUMN jpeg_crc INTEGER;

  -- 1: the stored picture is lost.
  ALTER TABLE failed_frames ADD COLUMN needs_decoding INTEGER NOT NULL DEFAULT 0;
  UPDATE failed_frames SET needs_decoding = 1 WHERE code = 'ERR_IO';

  -- What a library had and forgot: the same bytes, when they come back, get their ids back.
  CREATE TABLE former_media (
    number INTEGER PRIMARY KEY,
    media_id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    sampling TEXT NOT NULL,
    -- Runs of frame ids in the order of time: [[first, count], ...].
    frame_ids TEXT NOT NULL,
    -- CRC-32 of the other columns but the number.
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX former_by_content ON former_media (content_hash);
  `,
    rewrite: rewriteMedia,
  },
  {
    // A library was one space named 'clip', whose model and table were entries of `meta`.
    sql: `
  -- What the vectors describe, and how they are compared.
  ALTER TABLE spaces ADD COLUMN modality TEXT NOT NULL DEFAULT 'image';
  ALTER TABLE spaces ADD COLUMN metric TEXT NOT NULL DEFAULT 'cosine';
  -- active: searches use it; building: it is being filled, to become the active one; former: it was the
  -- active one before the last change of the model.
  ALTER TABLE spaces ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('active', 'building', 'former'));
  -- The name under which the model is found again.
  ALTER TABLE spaces ADD COLUMN model_name TEXT NOT NULL DEFAULT 'builtin';
  -- The table of PostgreSQL; null: none yet, or the vectors are in the library's folder.
  ALTER TABLE spaces ADD COLUMN vector_table TEXT;
  CREATE UNIQUE INDEX space_in_state ON spaces (modality, state);

  UPDATE spaces SET
    model_name = coalesce((SELECT value FROM meta WHERE key = 'model'), 'builtin'),
    vector_table = (SELECT value FROM meta WHERE key = 'vector_table');
  DELETE FROM meta WHERE key IN ('model', 'vector_table');
  `,
  },
  {
    sql: `
  -- Facts of OpenEXR files, from their headers. Ids are never used again: vectors elsewhere go by them.
  CREATE TABLE exr_files (
    file_id INTEGER PRIMARY KEY AUTOINCREMENT,
    media_id TEXT NOT NULL UNIQUE REFERENCES media (media_id) ON DELETE CASCADE,
    -- What was inspected: the entry is out of date when the media file has another path, size or time.
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ms REAL NOT NULL,
    inspector_version TEXT NOT NULL,
    -- Why there are no facts; null: there are.
    code TEXT,
    reason TEXT,
    -- JSON of lib/exr; the columns after it are taken from it, because queries ask for them often.
    payload TEXT,
    multipart_count INTEGER,
    channel_count INTEGER,
    is_tiled INTEGER,
    is_deep INTEGER,
    is_multiview INTEGER,
    -- CRC-32 of file, path and payload.
    checksum INTEGER NOT NULL
  ) STRICT;

  -- The vectors of a file in each version: they can be computed from the payload.
  CREATE TABLE exr_vectors (
    version INTEGER NOT NULL,
    file_id INTEGER NOT NULL REFERENCES exr_files (file_id) ON DELETE CASCADE,
    schema_version TEXT NOT NULL,
    metadata_embedding BLOB NOT NULL,
    channel_fingerprint BLOB NOT NULL,
    -- 1: the engine's spaces have them.
    is_indexed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (version, file_id)
  ) STRICT;
  CREATE INDEX exr_vectors_of_file ON exr_vectors (file_id);
  CREATE INDEX exr_vectors_waiting ON exr_vectors (version, file_id) WHERE is_indexed = 0;
  `,
  },
];

/**
 * Migrates a database to the newest version and checks that it holds our tables and nothing else.
 *
 * @throws ERR_CATALOG | ERR_FILE_VERSION
 */
export function prepareSchema(db: SqliteDatabase, readOnly: boolean, file: string): void {
  const application = readPragma(db, 'application_id');
  const version = readPragma(db, 'user_version');
  const isNew = application === 0 && version === 0 && describeSchema(db) === '';
  if (!isNew && application !== APPLICATION_ID) {
    throw makeError('ERR_CATALOG', `${file} is a SQLite file but not a Sightline catalog`, {
      details: { application },
    });
  }
  if (version > MIGRATIONS.length) {
    throw makeError(
      'ERR_FILE_VERSION',
      `${file} has catalog version ${version}, this Sightline knows up to ${MIGRATIONS.length}`,
      { details: { version, known: MIGRATIONS.length } },
    );
  }
  if (readOnly && version < MIGRATIONS.length) {
    throw makeError('ERR_FILE_VERSION', `${file} needs an upgrade: run a sync once`, {
      details: { version, known: MIGRATIONS.length },
    });
  }
  migrate(db, version);
  // Triggers or views in a foreign file would run with our statements.
  if (describeSchema(db) !== expectedSchema()) {
    throw makeError('ERR_CATALOG', `${file} has other tables than a Sightline catalog has`, {
      details: { version },
    });
  }
}

/** See `Upgrade`. Foreign files are left to `prepareSchema`. */
export function upgradeOf(db: SqliteDatabase): (() => void) | undefined {
  const version = readPragma(db, 'user_version');
  const isOurs = readPragma(db, 'application_id') === APPLICATION_ID;
  return isOurs && version < MIGRATIONS.length ? () => migrate(db, version) : undefined;
}

/** Runs each step once, also when two processes create or upgrade a catalog at the same moment. */
function migrate(db: SqliteDatabase, version: number): void {
  for (let next = version; next < MIGRATIONS.length; next++) {
    const { sql, rewrite } = MIGRATIONS[next] as Migration;
    db.exec('BEGIN IMMEDIATE');
    // Another process may have run it while this one waited for the lock.
    if (readPragma(db, 'user_version') === next) {
      db.exec(sql);
      rewrite?.(db);
      db.exec(`PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${next + 1};`);
    }
    db.exec('COMMIT');
  }
}

let expected: string | undefined;

/** The schema as SQLite stores it for a new catalog. */
function expectedSchema(): string {
  if (expected === undefined) {
    const db = sqliteDriver().open(':memory:', false);
    try {
      migrate(db, 0);
      expected = describeSchema(db);
    } finally {
      db.close();
    }
  }
  return expected;
}

/** Tables that FTS5 makes for each of its own; their SQL depends on the version of SQLite. */
const SHADOWS = ['data', 'idx', 'content', 'docsize', 'config'];

/**
 * The schema as text, for comparison. Left out are SQLite's own tables (statistics), and the shadow tables
 * of full-text tables: these are in the text themselves, so a file may only have the shadows of ours.
 */
export function describeSchema(db: SqliteDatabase): string {
  const rows = db
    .prepare(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name",
    )
    .all() as Record<string, string>[];
  const shadows = new Set(
    rows
      .filter(({ sql }) => /^CREATE VIRTUAL TABLE \S+ USING fts5\b/i.test(sql ?? ''))
      .flatMap(({ name }) => SHADOWS.map((suffix) => `${name}_${suffix}`)),
  );
  return rows
    .filter(
      ({ type, name = '', sql }) =>
        !(type === 'table' && shadows.has(name) && sql?.startsWith(`CREATE TABLE '${name}'(`)),
    )
    .map((row) => [row.type, row.name, row.tbl_name, row.sql].join(' '))
    .join('\n');
}

function readPragma(db: SqliteDatabase, name: 'application_id' | 'user_version'): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, number> | undefined;
  return row?.[name] ?? 0;
}
