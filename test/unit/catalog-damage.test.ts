/** The catalog against damage, foreign content, a failing disk and concurrent use. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog } from '../../lib/catalog';
import { parsePattern } from '../../lib/base/patterns';
import { describeSchema } from '../../lib/catalog/migrations/schema';
import { catalogError, sqliteDriver, type SqliteDatabase } from '../../lib/catalog/sqlite/sqlite';
import { Statements } from '../../lib/catalog/sqlite/statements';
import { isLibraryError } from '../../lib/base/errors';
import { asFrameId } from '../../lib/base/types';
import { codeOf } from '../helpers/errors';
import { add, filled, raw } from '../helpers/catalog';
import { makeTempDir } from '../helpers/temp';

console.log(`SQLite by ${sqliteDriver().name}`);

const openCode = async (dir: string, options = {}): Promise<string> => {
  try {
    (await openCatalog(dir, options)).close();
    return 'ok';
  } catch (error) {
    assert.ok(isLibraryError(error), String(error));
    return error.code;
  }
};

test('a changed value in any column of any entry is noticed before it is shown', async () => {
  const changes: Record<string, string> = {
    'UPDATE media SET path = path || x': "UPDATE media SET path = path || 'x'",
    'kind of a media file': "UPDATE media SET kind = 'video'",
    'state of a media file': "UPDATE media SET state = 'skipped'",
    'hash of a media file': "UPDATE media SET content_hash = 'ac'",
    'size of a media file': 'UPDATE media SET size_bytes = size_bytes + 1',
    'time of a media file': 'UPDATE media SET mtime_ms = mtime_ms + 1',
    'attempts of a media file': 'UPDATE media SET attempts = 9',
    'date of a media file': 'UPDATE media SET captured_at = NULL',
    'width of a frame': 'UPDATE frames SET width = 21',
    'height of a frame': 'UPDATE frames SET height = 21',
    'time of a frame': 'UPDATE frames SET timestamp = 1',
    'checksum of the picture of a frame': 'UPDATE frames SET jpeg_crc = jpeg_crc + 1',
    'checksum of the picture of a frame taken away': 'UPDATE frames SET jpeg_crc = NULL',
    'frame of a row': 'UPDATE frame_rows SET frame_id = 1 - frame_id WHERE frame_id = 0 OR row = 1',
    'batch of a row': 'UPDATE frame_rows SET encoding_id = encoding_id + 1',
    'batch of a row taken away': 'UPDATE frame_rows SET encoding_id = NULL',
    'device of a batch': "UPDATE encodings SET device = 'cuda'",
    'a checksum itself': 'UPDATE frames SET checksum = checksum + 1',
  };
  for (const [what, sql] of Object.entries(changes)) {
    const catalog = await filled(makeTempDir('catalog'), ['a.jpg', 'b.jpg']);
    assert.equal(catalog.integrityCheck(), [], `${what}: well before`);
    try {
      raw(catalog).exec(sql);
    } catch {
      // Rows that swap places break the unique index on the way: do it in three steps.
      raw(catalog).exec(
        'PRAGMA foreign_keys=OFF; UPDATE frame_rows SET frame_id = 99 WHERE row = 0; UPDATE frame_rows SET frame_id = 0 WHERE row = 1; UPDATE frame_rows SET frame_id = 1 WHERE row = 0;',
      );
    }
    const shown = await codeOf(() => [
      ...catalog.media(),
      ...catalog.frames(),
      ...catalog.framesInSpace('clip', [asFrameId(0), asFrameId(1)]),
      catalog.filterRows('clip', { path: parsePattern('*') }),
      catalog.embeddingOf('clip', asFrameId(0)),
    ]);
    assert.is(shown, 'ERR_CATALOG', what);
    assert.ok(catalog.integrityCheck().length > 0, `${what}: verify`);
    catalog.close();
  }
});

test('verify says which entry is damaged, goes on to the next, and finds what does not fit together', async () => {
  const catalog = await filled(makeTempDir('catalog'), ['a.jpg', 'b.jpg', 'c.mp4']);
  raw(catalog).exec(
    "UPDATE frames SET width = 5 WHERE frame_id IN (0, 2); UPDATE media SET attempts = 7 WHERE path = 'b.jpg'",
  );
  const findings = catalog.integrityCheck();
  assert.is(findings.length, 3);
  assert.match(findings.join('\n'), /b\.jpg[^]*frame 0[^]*frame 2/);
  catalog.close();

  const rules: [string, RegExp][] = [
    ["UPDATE meta SET value = '1' WHERE key = 'next_frame_id'", /beyond the next frame id/],
    ['UPDATE spaces SET committed_rows = 1', /beyond the number of committed rows/],
    ['DELETE FROM frame_rows WHERE row = 0', /no row and is not queued/],
    ["INSERT INTO pending_frames VALUES ('clip', 77)", /does not exist/],
    ['DELETE FROM encodings', /row 0 refers to a batch that does not exist/],
    [
      "INSERT INTO failed_frames VALUES ('clip', 0, 'x', 1, 'ERR_ENCODE', NULL, NULL, 0)",
      /frame 0 has a row and counts as failed/,
    ],
    [
      "INSERT INTO failed_frames VALUES ('clip', 77, 'x', 1, 'ERR_ENCODE', NULL, NULL, 0)",
      /list of failures refers to frame 77/,
    ],
    ["PRAGMA foreign_keys=OFF; DELETE FROM media WHERE path = 'a.jpg'", /refers to a missing one/],
  ];
  for (const [sql, finding] of rules) {
    const other = await filled(makeTempDir('catalog'), ['a.jpg', 'b.jpg']);
    raw(other).exec(sql);
    assert.match(other.integrityCheck().join('\n'), finding, sql);
    other.close();
  }
});

test('a catalog with a trigger, a view or another table is refused', async () => {
  for (const sql of [
    'CREATE TRIGGER t AFTER INSERT ON frames BEGIN DELETE FROM media; END',
    'CREATE VIEW v AS SELECT * FROM media',
    'CREATE TABLE more (x)',
    'DROP INDEX frames_of_media',
    'ALTER TABLE media ADD COLUMN extra TEXT',
  ]) {
    const dir = makeTempDir('catalog');
    const catalog = await filled(dir, ['a.jpg']);
    raw(catalog).exec(sql);
    catalog.close();
    assert.is(await openCode(dir), 'ERR_CATALOG', sql);
    assert.is(await openCode(dir, { readOnly: true }), 'ERR_CATALOG', sql);
  }
});

test('the shadow tables of a declared full-text table count as part of it, and no others', () => {
  const schemaAfter = (...statements: string[]): string => {
    const db = sqliteDriver().open(':memory:', false);
    try {
      for (const sql of statements) db.exec(sql);
      return describeSchema(db);
    } finally {
      db.close();
    }
  };
  const words = 'CREATE VIRTUAL TABLE words USING fts5(text, content)';
  const declared = schemaAfter(words);
  assert.is(declared.split('\n').length, 1, declared);
  assert.match(declared, /^table words words CREATE VIRTUAL TABLE words/);
  const others = [
    'CREATE TABLE words_more (x)',
    'CREATE TABLE other_data (x)',
    "CREATE TABLE 'wordsx_data'(id INTEGER PRIMARY KEY, block BLOB)",
    'CREATE VIEW words_view AS SELECT 1',
    'CREATE VIRTUAL TABLE more USING fts5(text)',
    'CREATE INDEX words_data_index ON words_data (block)',
  ];
  for (const sql of others) assert.is.not(schemaAfter(words, sql), declared, sql);
  // Without the table its shadows are tables like any other.
  const alone = schemaAfter("CREATE TABLE 'words_data'(id INTEGER PRIMARY KEY, block BLOB)");
  assert.match(alone, /words_data/);
  const asView = schemaAfter('CREATE VIEW words_data AS SELECT 1', 'CREATE TABLE words (text)');
  assert.match(asView, /words_data/);
});

test('statistics that SQLite keeps for itself are no foreign content', async () => {
  const dir = makeTempDir('catalog');
  const catalog = await filled(dir, ['a.jpg']);
  raw(catalog).exec('ANALYZE');
  catalog.close();
  assert.is(await openCode(dir), 'ok');
});

test('damaged catalog files open, or give a typed error: never a crash, never an untyped one', async () => {
  const seed = 20261121;
  console.log(`seed ${seed}`);
  let state = seed;
  const next = (below: number): number =>
    ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % below;
  const dir = makeTempDir('catalog');
  const names = Array.from({ length: 60 }, (_, i) => `album/photo ${i}.jpg`);
  const catalog = await filled(dir, names);
  const clean = [...catalog.frames()];
  catalog.close();
  const whole = readFileSync(path.join(dir, 'catalog.sqlite'));
  const outcomes: Record<string, number> = {};
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(round % 4 === 0 ? whole.subarray(0, next(whole.length)) : whole);
    for (let flips = 1 + next(3); flips > 0 && bytes.length > 0; flips--) {
      const at = next(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8));
    }
    const damaged = makeTempDir('damaged');
    writeFileSync(path.join(damaged, 'catalog.sqlite'), bytes);
    let outcome: string;
    try {
      const opened = await openCatalog(damaged, { readOnly: true });
      outcome = await codeOf(() => {
        const ids = clean.map((_, i) => asFrameId(i));
        const found = opened.framesInSpace('clip', ids);
        for (const [i, frame] of found.entries())
          if (frame !== undefined) assert.equal(frame, clean[i], `round ${round}: silently wrong`);
        opened.integrityCheck();
      });
      opened.close();
    } catch (error) {
      assert.ok(isLibraryError(error), `round ${round}: ${String(error)}`);
      outcome = error.code;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(JSON.stringify(outcomes));
  assert.ok((outcomes.ERR_CATALOG ?? 0) > 20, 'damage was noticed');
});

/** A database that fails at the n-th call of a kind, as a full or broken disk makes it. */
function failing(code: string, errcode: number, when: (sql: string) => boolean): SqliteDatabase {
  const db = sqliteDriver().open(':memory:', false);
  const boom = (): never => {
    throw Object.assign(new Error(code), { code, errcode });
  };
  let armed = true;
  return {
    exec: (sql) => (armed && when(sql) ? ((armed = false), boom()) : db.exec(sql)),
    prepare: (sql) => db.prepare(sql),
    close: () => db.close(),
  };
}

test('an error of the disk ends all writing until the catalog is opened anew; reading goes on', async () => {
  const db = failing('SQLITE_IOERR_FSYNC', 1034, (sql) => sql === 'COMMIT');
  const sql = new Statements(db);
  db.exec('CREATE TABLE t (x)');
  assert.is(
    await codeOf(() => sql.transaction(() => sql.run('INSERT INTO t VALUES (1)'))),
    'ERR_IO',
  );
  assert.is(
    await codeOf(() => sql.transaction(() => sql.run('INSERT INTO t VALUES (1)'))),
    'ERR_IO',
    'not tried again',
  );
  assert.is(await codeOf(() => sql.run('INSERT INTO t VALUES (1)')), 'ERR_IO');
  assert.equal(sql.all('SELECT * FROM t'), []);
  db.close();
});

test('a full disk undoes the batch, and writing goes on when there is space', async () => {
  const db = failing('SQLITE_FULL', 13, (sql) => sql === 'COMMIT');
  const sql = new Statements(db);
  db.exec('CREATE TABLE t (x)');
  const insert = (): void => sql.transaction(() => sql.run('INSERT INTO t VALUES (1)'));
  assert.is(await codeOf(insert), 'ERR_DISK_FULL');
  assert.is(sql.all('SELECT * FROM t').length, 0);
  assert.is(await codeOf(insert), 'ok');
  assert.is(sql.all('SELECT * FROM t').length, 1);
  db.close();
});

test('errors of both drivers become the same codes', () => {
  const table: [string, number, string][] = [
    ['SQLITE_BUSY_SNAPSHOT', 517, 'ERR_FILE_LOCKED'],
    ['SQLITE_READONLY', 8, 'ERR_READ_ONLY'],
    ['SQLITE_IOERR_WRITE', 778, 'ERR_IO'],
    ['SQLITE_FULL', 13, 'ERR_DISK_FULL'],
    ['SQLITE_CORRUPT', 11, 'ERR_CATALOG'],
    ['SQLITE_NOTADB', 26, 'ERR_CATALOG'],
    ['SQLITE_CONSTRAINT_CHECK', 275, 'ERR_CATALOG'],
  ];
  for (const [name, errcode, expected] of table) {
    for (const fields of [{ code: name }, { code: 'ERR_SQLITE_ERROR', errcode }]) {
      const error = catalogError(Object.assign(new Error('x'), fields));
      assert.ok(isLibraryError(error));
      assert.is(error.code, expected, JSON.stringify(fields));
    }
  }
  const other = new Error('not of SQLite');
  assert.is(catalogError(other), other);
});

test('settings are those of the reliability page', async () => {
  const catalog = await openCatalog(makeTempDir('catalog'));
  const pragma = (name: string): unknown =>
    Object.values(raw(catalog).prepare(`PRAGMA ${name}`).get() as object)[0];
  assert.is(pragma('journal_mode'), 'wal');
  assert.is(pragma('synchronous'), 2);
  assert.is(pragma('foreign_keys'), 1);
  assert.is(pragma('trusted_schema'), 0);
  assert.is(pragma('cell_size_check'), 1);
  assert.is(pragma('mmap_size') ?? 0, 0);
  assert.is(pragma('application_id'), 0x534c6331);
  // Defensive mode: the schema itself cannot be written to. Node 22's SQLite cannot be told.
  if (sqliteDriver().name === 'better-sqlite3')
    assert.throws(() =>
      raw(catalog).exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'x'"),
    );
  catalog.close();
});

test('an export that fails leaves the old file, no rest, and a typed error', async () => {
  const dir = makeTempDir('catalog');
  const catalog = await filled(dir, ['a.jpg']);
  const file = path.join(dir, 'metadata.jsonl');
  await catalog.exportMetadata(file);
  const before = readFileSync(file, 'utf8');
  const blocked = path.join(dir, 'blocked');
  mkdirSync(path.join(blocked, 'metadata.jsonl', 'not-empty'), { recursive: true });
  const code = async (target: string): Promise<string> =>
    catalog.exportMetadata(target).then(
      () => 'ok',
      (error: unknown) => (isLibraryError(error) ? error.code : String(error)),
    );
  assert.is(await code(path.join(blocked, 'metadata.jsonl')), 'ERR_IO');
  assert.equal(readdirSync(blocked), ['metadata.jsonl']);
  assert.is(await code(path.join(dir, 'none', 'metadata.jsonl')), 'ERR_IO');
  if (existsSync('/dev/full')) {
    copyFileSync(file, path.join(dir, 'kept.jsonl'));
    const linked = path.join(dir, 'full.jsonl');
    execFileSync('ln', ['-s', '/dev/full', `${linked}.tmp`]);
    assert.is(await code(linked), 'ERR_DISK_FULL');
  }
  add(catalog, ['b.jpg']);
  raw(catalog).exec('UPDATE frames SET width = 3');
  assert.is(await code(file), 'ERR_CATALOG');
  assert.is(readFileSync(file, 'utf8'), before);
  catalog.close();
});

test.run();
