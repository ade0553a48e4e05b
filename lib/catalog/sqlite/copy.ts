/** A consistent copy of a catalog, also during writes by another process: SQLite's VACUUM INTO. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { CATALOG_FILE } from '../../base/files/names';
import { catalogError, openSqlite } from './sqlite';

/**
 * @param dir  the library's folder
 * @param file  target; an existing file is replaced only if it is empty
 * @throws ERR_CATALOG | ERR_DISK_FULL | ERR_IO
 */
export async function copyCatalog(dir: string, file: string): Promise<void> {
  const source = path.join(dir, CATALOG_FILE);
  const db = openSqlite(source, true);
  try {
    db.prepare('VACUUM INTO ?').run(file);
  } catch (error) {
    throw catalogError(error, source);
  } finally {
    db.close();
  }
  const copy = await open(file, 'r+');
  try {
    await copy.sync();
  } finally {
    await copy.close();
  }
}
