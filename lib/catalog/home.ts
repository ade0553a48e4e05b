/**
 * Identifies the folder and files that a library handle opened. While a handle is open, the folder may be
 * deleted, restored from a backup or replaced by a new library; a handle writes only to what it opened, and
 * fails otherwise.
 *
 * Files and folders are compared by device and inode. Never open the catalog file for this: closing any
 * descriptor of a file releases the locks that SQLite holds on it in this process.
 *
 * A file that is written over in place (`cp`, a truncation, rsync --inplace) stays the same inode. While a
 * writer is open, nobody but its own checkpoints changes the catalog file, so its size and time of change
 * tell. Pages that SQLite reads from such a file are of another catalog: neither reads nor writes go on.
 */
import { statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { makeError, messageOf } from '../base/errors';
import { FRAMES_FOLDER } from '../base/files/names';

const REMEDY =
  'Nothing was written to the current folder; searches through this handle still work. Close the ' +
  'library and open it again';

const OVERWRITTEN =
  'was written over by another program while it was open. Nothing was written to it since; close the ' +
  'library and open it again';

/** Least time between two looks for reads: a statement takes some microseconds, a look as many. */
const LOOK_MS = 1;

export class Home {
  /** Path -> identity. */
  private readonly known = new Map<string, string>();
  private readonly frames: string;
  private readonly always: readonly string[];
  private readonly log: string;
  /** Size and time of change of the catalog file; undefined for a reader. */
  private content: string | undefined;
  private lookedAt = -Infinity;

  /** @param isWriter  while a writer is open, SQLite's log stays the same file */
  constructor(
    dir: string,
    private readonly catalogFile: string,
    isWriter: boolean,
  ) {
    this.log = `${catalogFile}-wal`;
    if (isWriter) this.content = contentOf(catalogFile);
    this.frames = path.join(dir, FRAMES_FOLDER);
    this.always = [dir, catalogFile, ...(isWriter ? [this.log] : [])];
    for (const one of [...this.always, this.frames]) this.learn(one);
  }

  private learn(target: string): void {
    const now = identityOf(target);
    if (now !== undefined) this.known.set(target, now);
  }

  /**
   * Call before each write.
   *
   * @throws ERR_FILE_REPLACED | ERR_FILE_MISSING (deleted, or renamed and not replaced) | ERR_IO
   */
  assertOurs(): void {
    for (const one of this.always) this.assertSame(one);
    this.assertNotOverwritten();
  }

  /**
   * Call after reading and before anybody is told what was read.
   *
   * @throws ERR_FILE_REPLACED
   */
  assertUnchanged(): void {
    const now = performance.now();
    if (this.content === undefined || now - this.lookedAt < LOOK_MS) return;
    this.assertNotOverwritten();
    this.lookedAt = now;
  }

  private assertNotOverwritten(): void {
    if (!this.isOverwritten) return;
    throw makeError('ERR_FILE_REPLACED', `${this.catalogFile} ${OVERWRITTEN}`, {
      details: { path: this.catalogFile },
    });
  }

  /** Whether the catalog file of a writer has other bytes than it left there; false once it is gone. */
  get isOverwritten(): boolean {
    if (this.content === undefined) return false;
    const now = identityOf(this.catalogFile);
    if (now === undefined || now !== this.known.get(this.catalogFile)) return false;
    return contentOf(this.catalogFile) !== this.content;
  }

  /** Bytes of SQLite's log. */
  get logBytes(): number {
    return statSync(this.log, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Call after a checkpoint, which moves the log into the catalog file. */
  checkpointed(): void {
    this.content = contentOf(this.catalogFile);
  }

  /** Call before closing a catalog that was overwritten: what is in the log belongs to the former one. */
  emptyLog(): void {
    const now = identityOf(this.log);
    if (now !== undefined && now === this.known.get(this.log)) truncateSync(this.log, 0);
  }

  /** The same before a frame is written: a deleted frames folder may be created again, by `madeFrames`. */
  assertOurFrames(): void {
    this.assertOurs();
    if (identityOf(this.frames) === undefined) this.known.delete(this.frames);
    else this.assertSame(this.frames);
  }

  /** Call once the frames folder exists. */
  madeFrames(): void {
    if (!this.known.has(this.frames)) this.learn(this.frames);
  }

  /** Whether a frame's file belongs to this library. */
  get hasOurFrames(): boolean {
    try {
      this.assertOurs();
      this.assertSame(this.frames);
      return true;
    } catch {
      return false;
    }
  }

  private assertSame(target: string): void {
    const before = this.known.get(target);
    // Created by ourselves meanwhile: SQLite creates the log with the first write.
    if (before === undefined) {
      this.learn(target);
      return;
    }
    const now = identityOf(target);
    if (now === before) return;
    const details = { path: target };
    throw now === undefined
      ? makeError(
          'ERR_FILE_MISSING',
          `${target} was deleted or renamed while it was open. ${REMEDY}`,
          { details },
        )
      : makeError('ERR_FILE_REPLACED', `${target} was replaced while it was open. ${REMEDY}`, {
          details,
        });
  }
}

function contentOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stats && `${stats.size} ${stats.mtimeNs}`;
}

/** Undefined if nothing is there. @throws ERR_IO when that cannot be determined */
function identityOf(target: string): string | undefined {
  try {
    const stats = statSync(target, { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.dev} ${stats.ino}`;
  } catch (cause) {
    throw makeError('ERR_IO', `${target} cannot be looked at: ${messageOf(cause)}`, { cause });
  }
}
