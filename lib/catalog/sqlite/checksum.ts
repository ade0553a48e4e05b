/**
 * CRC-32 over the columns of a row. SQLite notices damage to its own structure, not to a value in it;
 * with four bytes a row no result is shown whose entry has changed since it was written.
 */
import { crc32 } from 'node:zlib';
import { makeError } from '../../base/errors';

export type Column = string | number | null;

/** JSON, because it keeps `1`, `'1'` and null apart and cannot be read two ways. */
export function checksumOf(columns: readonly Column[]): number {
  return crc32(JSON.stringify(columns));
}

/** @throws ERR_CATALOG naming the entry */
export function assertChecksum(columns: readonly Column[], stored: unknown, entry: string): void {
  if (checksumOf(columns) !== Number(stored))
    throw makeError('ERR_CATALOG', `the catalog's entry of ${entry} is damaged`, {
      details: { entry },
    });
}
