/** The catalog's tables and their versions. A new version is a new entry of `MIGRATIONS`, never an edit. */
import { makeError } from '../errors';
import type { SqliteDatabase } from './sqlite';

/** "SLc1": says that a SQLite file is a Sightline catalog. */
const APPLICATION_ID = 0x534c6331;

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

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
    attempts INTEGER NOT NULL
  );

  CREATE TABLE frames (
    frame_id INTEGER PRIMARY KEY,
    media_id TEXT NOT NULL REFERENCES media (media_id),
    timestamp REAL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- CRC-32 of the other columns: SQLite does not notice a flipped payload bit by itself.
    checksum INTEGER NOT NULL
  );
  CREATE INDEX frames_of_media ON frames (media_id);

  CREATE TABLE spaces (
    name TEXT PRIMARY KEY,
    model_id TEXT NOT NULL,
    revision TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    preprocess_version INTEGER NOT NULL,
    dim INTEGER NOT NULL,
    committed_rows INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE frame_rows (
    space TEXT NOT NULL REFERENCES spaces (name),
    row INTEGER NOT NULL,
    frame_id INTEGER NOT NULL REFERENCES frames (frame_id),
    PRIMARY KEY (space, row)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX row_of_frame ON frame_rows (space, frame_id);

  -- Frames that wait to be encoded. A table of its own, so that asking costs what is waiting, not
  -- what there is.
  CREATE TABLE pending_frames (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID;

  CREATE TABLE failed_frames (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID;

  -- Frames that are gone here and still have a row in the engine.
  CREATE TABLE graves (
    space TEXT NOT NULL,
    frame_id INTEGER NOT NULL,
    PRIMARY KEY (space, frame_id)
  ) WITHOUT ROWID;
  `,
];

/** Brings a database to the newest version. @throws ERR_CATALOG | ERR_FILE_VERSION */
export function prepareSchema(db: SqliteDatabase, readOnly: boolean, file: string): void {
  const application = readPragma(db, 'application_id');
  const version = readPragma(db, 'user_version');
  const isNew = application === 0 && version === 0;
  if (!isNew && application !== APPLICATION_ID) {
    throw makeError('ERR_CATALOG', `${file} is a SQLite file but no Sightline catalog`, {
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
  if (readOnly) {
    if (version < MIGRATIONS.length) {
      throw makeError('ERR_FILE_VERSION', `${file} needs an upgrade: run a sync once`, {
        details: { version, known: MIGRATIONS.length },
      });
    }
    return;
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec(
      `BEGIN IMMEDIATE; ${MIGRATIONS[next] ?? ''}
       PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${next + 1}; COMMIT;`,
    );
  }
}

function readPragma(db: SqliteDatabase, name: 'application_id' | 'user_version'): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, number> | undefined;
  return row?.[name] ?? 0;
}
