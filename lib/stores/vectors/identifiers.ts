/**
 * Names of tables, columns and schemas. SQL cannot bind them, so statements use only quoted names from an
 * allow-list.
 */
import { checkText, outOfRange } from './checks';

/** Names accepted from callers: need no escaping, and have no upper case. */
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;
/** PostgreSQL truncates longer names silently; our suffixes need some of the 63 bytes. */
const MAX_TABLE = 48;

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkIdentifier(name: string, value: unknown): string {
  const text = checkText(name, value);
  if (!IDENTIFIER.test(text))
    throw outOfRange(name, 'a lower-case name of letters, digits and _ (at most 63)', text);
  return text;
}

export function checkTableName(name: string, value: unknown): string {
  const text = checkIdentifier(name, value);
  if (text.length > MAX_TABLE) throw outOfRange(name, `at most ${MAX_TABLE} characters long`, text);
  return text;
}

/** Quotes a name that the database told us, for example the schema of an extension. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
