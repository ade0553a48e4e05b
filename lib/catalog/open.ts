/** Opens a library's catalog, with a clear error where that fails. */
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { isNotPermitted } from '../base/files/system-errors';
import { makeError, messageOf } from '../base/errors';
import { CATALOG_FILE } from '../base/files/names';
import { Catalog } from './catalog';
import { Home } from './home';
import { mayWrite } from './sqlite/read-only';
import { prepareSchema, upgradeOf } from './migrations/schema';
import { catalogError, openSqlite, type SqliteDatabase } from './sqlite/sqlite';

/**
 * Opens or creates the catalog in a library's folder. Cost does not grow with its size: the full check is
 * `integrityCheck`, run by `verify`.
 *
 * @throws ERR_CATALOG | ERR_FILE_VERSION | ERR_READ_ONLY | ERR_IO
 */
export async function openCatalog(
  dir: string,
  options: { readonly readOnly?: boolean } = {},
): Promise<Catalog> {
  const readOnly = options.readOnly === true;
  const file = path.join(dir, CATALOG_FILE);
  if (!readOnly) await makeWritable(dir);
  const db = openWithReason(file, readOnly);
  try {
    prepareSchema(db, readOnly, file);
    return new Catalog(db, new Home(dir, file, !readOnly));
  } catch (error) {
    db.close();
    throw catalogError(error, file);
  }
}

/**
 * Opens the file itself only after SQLite failed: closing it again would release the locks that a writer in
 * this process holds on it.
 */
function openWithReason(file: string, readOnly: boolean): SqliteDatabase {
  try {
    return openSqlite(file, readOnly, upgradeOf);
  } catch (error) {
    if (readOnly) assertReadable(file);
    throw error;
  }
}

/** SQLite reports only that the file cannot be opened, not why. @throws ERR_IO */
function assertReadable(file: string): void {
  try {
    closeSync(openSync(file, 'r'));
  } catch (cause) {
    throw makeError('ERR_IO', `the catalog ${file} is not readable: ${messageOf(cause)}`, {
      details: { path: file },
      cause,
    });
  }
}

/** @throws ERR_READ_ONLY with a remedy, if the system denies writing */
async function makeWritable(dir: string): Promise<void> {
  const refuse = (target: string, cause?: unknown): never => {
    throw makeError(
      'ERR_READ_ONLY',
      `${target} may not be written: keep the library in another folder, with --library FOLDER on the ` +
        'command line; one that is there already can be searched without writing',
      { details: { path: target }, cause },
    );
  };
  try {
    await mkdir(dir, { recursive: true });
  } catch (cause) {
    if (isNotPermitted(cause)) refuse(dir, cause);
    throw makeError('ERR_IO', `${dir} could not be made: ${messageOf(cause)}`, { cause });
  }
  if (!mayWrite(dir)) refuse(dir);
  const file = path.join(dir, CATALOG_FILE);
  if (!mayWrite(file)) refuse(file);
}
