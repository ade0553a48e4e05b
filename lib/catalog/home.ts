/**
 * The folder and the files that a library handle opened, told apart from others of the same names. Somebody
 * may delete the folder, restore a backup under it or make a new library in its place while a handle is
 * open; a handle writes to what it opened or not at all, and says what happened.
 *
 * Files and folders are compared by device and inode. The catalog itself must never be opened for this:
 * closing any descriptor of a file gives up the locks that SQLite has on it in this process.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { makeError, messageOf } from '../base/errors';

const REMEDY =
  'Nothing was written to what is there now; searches through this handle still answer. Close the ' +
  'library and open it again';

const FRAMES = 'frames';

export class Home {
  /** Path -> what it was. */
  private readonly known = new Map<string, string>();
  private readonly frames: string;
  private readonly always: readonly string[];

  /** @param isWriter  SQLite's log stays the same file while a writer has it open */
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
   * To be called before each write.
   *
   * @throws ERR_FILE_REPLACED | ERR_FILE_MISSING (deleted, or renamed and nothing in its place) | ERR_IO
   */
  assertOurs(): void {
    for (const one of this.always) this.assertSame(one);
  }

  /** The same before a frame is written: one that was deleted may be made again, by `madeFrames`. */
  assertOurFrames(): void {
    this.assertOurs();
    if (identityOf(this.frames) === undefined) this.known.delete(this.frames);
    else this.assertSame(this.frames);
  }

  /** The folder of the frames is there by now. */
  madeFrames(): void {
    if (!this.known.has(this.frames)) this.learn(this.frames);
  }

  /** Whether a frame's file is one of ours. */
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
    // Made since by ourselves: SQLite makes the log with the first write.
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

/** Undefined where there is nothing. @throws ERR_IO when that cannot be known */
function identityOf(target: string): string | undefined {
  try {
    const stats = statSync(target, { throwIfNoEntry: false, bigint: true });
    return stats && `${stats.dev} ${stats.ino}`;
  } catch (cause) {
    throw makeError('ERR_IO', `${target} cannot be looked at: ${messageOf(cause)}`, { cause });
  }
}
