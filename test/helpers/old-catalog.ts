/** Turns the catalog of a library into one of version 1, to be brought up again. */
import { copyFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checksumOf, type Column } from '../../lib/catalog/sqlite/checksum';
import { openSqlite, type SqlRow, type SqlValue } from '../../lib/catalog/sqlite/sqlite';

const GOLDEN = path.resolve(__dirname, '../../../test/golden/catalog-1/catalog.sqlite');
const TABLES = ['meta', 'spaces', 'media', 'frames', 'frame_rows'] as const;
/** Children before their parents. */
const ALL = ['pending_frames', 'failed_frames', 'graves', ...[...TABLES].reverse()];

const MEDIA_STATE = ['media_id', 'size_bytes', 'mtime_ms', 'content_hash', 'state', 'code'];
const MEDIA_MORE = ['reason', 'width', 'height', 'captured_at', 'attempts'];
/** Columns of version 1 under a checksum, and where it stands. */
const CHECKSUMS: Partial<Record<(typeof TABLES)[number], readonly [string, readonly string[]]>> = {
  media: ['state_checksum', [...MEDIA_STATE, ...MEDIA_MORE]],
  frames: ['checksum', ['frame_id', 'media_id', 'timestamp', 'width', 'height']],
  frame_rows: ['checksum', ['space', 'row', 'frame_id']],
};

/**
 * @param dir  the library's folder; nobody has it open
 * @param padding  entries of files that were skipped and are not there: what takes the migration its time
 */
export function makeVersion1(dir: string, padding: number): void {
  const file = path.join(dir, 'catalog.sqlite');
  const today = openSqlite(file, true);
  const rows = new Map<string, SqlRow[]>();
  for (const table of TABLES)
    rows.set(table, today.prepare(`SELECT * FROM ${table}`).all() as SqlRow[]);
  today.close();
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  copyFileSync(GOLDEN, file);
  const db = openSqlite(file, false);
  db.exec('BEGIN');
  for (const table of ALL) db.exec(`DELETE FROM ${table}`);
  const insert = (table: (typeof TABLES)[number], given: SqlRow): void => {
    const known = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as SqlRow[];
    const names = known.map(({ name }) => name as string);
    const [place, covered] = CHECKSUMS[table] ?? [];
    const row = { ...given };
    if (place !== undefined && covered !== undefined)
      row[place] = checksumOf(covered.map((name) => row[name] as Column));
    db.prepare(
      `INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`,
    ).run(...names.map((name) => row[name] as SqlValue));
  };
  for (const table of TABLES) for (const row of rows.get(table) ?? []) insert(table, row);
  for (let i = 0; i < padding; i++) {
    const media_id = i.toString(16).padStart(32, '0');
    const file = `gone/${i}.txt`;
    insert('media', {
      ...{ media_id, path: file, kind: 'image', size_bytes: 1, mtime_ms: 1, content_hash: null },
      ...{ state: 'skipped', code: 'ERR_MEDIA_UNSUPPORTED', reason: 'not a picture', width: null },
      ...{ height: null, captured_at: null, attempts: 1 },
      identity_checksum: checksumOf([media_id, file, 'image']),
    });
  }
  db.exec('COMMIT');
  db.close();
}

/** The version of a catalog that nobody has open. */
export function versionOf(dir: string): number {
  const db = openSqlite(path.join(dir, 'catalog.sqlite'), true);
  try {
    const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    return user_version;
  } finally {
    db.close();
  }
}
