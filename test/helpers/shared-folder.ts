/** Folders that several test files begin with: made once in a run of tests, and copied by each file. */
import { constants, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Set by tools/run-tests.mjs, which removes it at the end. A file that is run alone makes its own. */
const shared = process.env.SIGHTLINE_TEST_SHARED;

/**
 * Fills `target`, a folder that is empty.
 *
 * @param name  names all that the content depends on
 * @param make  makes the content in the empty folder that it is given, and leaves nothing open there
 */
export async function fillFromShared(
  target: string,
  name: string,
  make: (dir: string) => Promise<void>,
): Promise<void> {
  if (shared === undefined) return make(target);
  const made = path.join(shared, name);
  if (!existsSync(made)) {
    const own = mkdtempSync(`${made}-`);
    await make(own);
    try {
      renameSync(own, made);
    } catch {
      // Another file was faster.
      rmSync(own, { recursive: true });
    }
  }
  const mode = constants.COPYFILE_FICLONE;
  cpSync(made, target, { recursive: true, preserveTimestamps: true, mode });
}
