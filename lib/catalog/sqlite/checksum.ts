/**
 * CRC-32 over the columns of a row. SQLite detects damage to its own structure, not to values. These four
 * bytes per row keep an entry that was altered on disk from being shown as a result.
 */
import { crc32 } from 'node:zlib';
import { makeError } from '../../base/errors';

export type Column = string | number | null;

/** JSON, because it distinguishes `1`, `'1'` and null, and is unambiguous. */
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
