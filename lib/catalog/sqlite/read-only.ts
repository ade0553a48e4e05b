/**
 * Reads a catalog in a folder that is not writable: a read-only mount, or another user's folder. SQLite
 * creates a file beside a WAL database even to read it, so here the database is opened as immutable.
 * Because another process may still change it, the files are checked now and then and reopened after a
 * change.
 */
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isNotPermitted } from '../../base/files/system-errors';
import type { SqliteDatabase, SqliteStatement, SqlValue } from './sqlite';

export interface ReadOnlyOpeners {
  /** Opens as usual; undefined where SQLite would have to write. */
  readonly openInPlace: (file: string) => SqliteDatabase | undefined;
  /** Opens as immutable; undefined where the driver cannot. */
  readonly openImmutable: ((file: string) => SqliteDatabase) | undefined;
  readonly openForWriting: (file: string) => SqliteDatabase;
}

/** Migrates an older catalog to the newest version; undefined when it is the newest. */
export type Upgrade = (db: SqliteDatabase) => (() => void) | undefined;

/** Least time between two checks of the files. */
const LOOK_MS = 500;

/** False where the system denies writing; true also when that is unknown. */
export function mayWrite(target: string): boolean {
  try {
    accessSync(target, constants.W_OK);
    return true;
  } catch (error) {
    return !isNotPermitted(error);
  }
}

/** A database in a folder that is not writable. Opens at once, so that errors surface here. */
export function openWithoutWriting(
  file: string,
  openers: ReadOnlyOpeners,
  upgrade: Upgrade,
): SqliteDatabase {
  return new StandIn(file, openers, upgrade);
}

class StandIn implements SqliteDatabase {
  private db: SqliteDatabase;
  /** Folder of a temporary copy, to be removed. */
  private copy: string | undefined;
  private seen: string;
  private lookedAt = performance.now();
  private readonly statements = new Map<string, SqliteStatement>();

  constructor(
    private readonly file: string,
    private readonly openers: ReadOnlyOpeners,
    private readonly upgrade: Upgrade,
  ) {
    this.seen = fingerprint(file);
    this.db = this.open();
  }

  /** The database itself, for a short use: a change of the files does not reach it. */
  get connection(): SqliteDatabase {
    return this.current();
  }

  exec(sql: string): unknown {
    return this.current().exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = (): SqliteStatement => {
      const db = this.current();
      let prepared = this.statements.get(sql);
      if (prepared === undefined) this.statements.set(sql, (prepared = db.prepare(sql)));
      return prepared;
    };
    return {
      run: (...values: SqlValue[]) => statement().run(...values),
      get: (...values: SqlValue[]) => statement().get(...values),
      all: (...values: SqlValue[]) => statement().all(...values),
    };
  }

  close(): void {
    this.db.close();
    if (this.copy !== undefined) rmSync(this.copy, { recursive: true, force: true });
    this.copy = undefined;
  }

  private current(): SqliteDatabase {
    if (performance.now() - this.lookedAt < LOOK_MS) return this.db;
    this.lookedAt = performance.now();
    const now = fingerprint(this.file);
    if (now !== this.seen) {
      this.close();
      this.statements.clear();
      this.seen = now;
      this.db = this.open();
    }
    return this.db;
  }

  private open(): SqliteDatabase {
    const db = this.openInPlace();
    if (db !== undefined && this.upgrade(db) === undefined) return db;
    db?.close();
    return this.openCopy();
  }

  private openInPlace(): SqliteDatabase | undefined {
    // Works beside a writer, if all files that SQLite needs exist.
    const db = this.openers.openInPlace(this.file);
    if (db !== undefined) return db;
    return sizeOf(`${this.file}-wal`) > 0 ? undefined : this.openers.openImmutable?.(this.file);
  }

  /** Copies the database where writing is needed: to apply a log that a writer left, or to upgrade. */
  private openCopy(): SqliteDatabase {
    this.copy = mkdtempSync(path.join(tmpdir(), 'sightline-catalog-'));
    try {
      const copy = path.join(this.copy, path.basename(this.file));
      copyFileSync(this.file, copy, constants.COPYFILE_FICLONE);
      const log = `${this.file}-wal`;
      if (sizeOf(log) > 0) copyFileSync(log, `${copy}-wal`, constants.COPYFILE_FICLONE);
      // The original's mode bits may deny writes to the copy.
      for (const name of readdirSync(this.copy)) chmodSync(path.join(this.copy, name), 0o600);
      const db = this.openers.openForWriting(copy);
      this.upgrade(db)?.();
      db.exec('PRAGMA query_only=ON');
      return db;
    } catch (error) {
      rmSync(this.copy, { recursive: true, force: true });
      this.copy = undefined;
      throw error;
    }
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Changes after any write. */
function fingerprint(file: string): string {
  return [file, `${file}-wal`, `${file}-shm`]
    .map((one) => {
      const stats = statSync(one, { throwIfNoEntry: false, bigint: true });
      return stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeNs].join(' ');
    })
    .join(';');
}
