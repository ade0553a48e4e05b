/**
 * Identifies the folder and files that a library handle opened. While a handle is open, the folder may be
 * deleted, restored from a backup or replaced by a new library; a handle writes only to what it opened, and
 * fails otherwise.
 *
 * Files and folders are compared by device and inode. Never open the catalog file for this: closing any
 * descriptor of a file releases the locks that SQLite holds on it in this process.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { makeError, messageOf } from '../base/errors';

const REMEDY =
  'Nothing was written to the current folder; searches through this handle still work. Close the ' +
  'library and open it again';

const FRAMES = 'frames';

export class Home {
  /** Path -> identity. */
  private readonly known = new Map<string, string>();
  private readonly frames: string;
  private readonly always: readonly string[];

  /** @param isWriter  while a writer is open, SQLite's log stays the same file */
  constructor(dir: string, catalogFile: string, isWriter: boolean) {
    this.frames = path.join(dir, FRAMES);
    this.always = [dir, catalogFile, ...(isWriter ? [`${catalogFile}-wal`] : [])];
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

/** Undefined if nothing is there. @throws ERR_IO when that cannot be determined */
function identityOf(target: string): string | undefined {
  try {
    const stats = statSync(target, { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.dev} ${stats.ino}`;
  } catch (cause) {
    throw makeError('ERR_IO', `${target} cannot be looked at: ${messageOf(cause)}`, { cause });
  }
}
