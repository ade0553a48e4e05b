/**
 * Converts strings of query strings and forms to the numbers and booleans that a schema declares. Stricter
 * than a validator's coercion: `1e3`, `0x10`, ` 7` and empty strings stay strings, so the schema refuses
 * them.
 */
import type { FieldSchema } from './schemas';

type Fields = Readonly<Record<string, FieldSchema>>;

/** Converts the declared fields of `values` in place. Other types are left alone. */
export function convertFields(values: Record<string, unknown>, fields: Fields): void {
  for (const [name, schema] of Object.entries(fields)) {
    const value = values[name];
    if (typeof value !== 'string') continue;
    const converted = convert(value, schema.type);
    if (converted !== undefined) values[name] = converted;
  }
}

function convert(text: string, type: FieldSchema['type']): number | boolean | undefined {
  if (type === 'integer') return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  if (type === 'number')
    return /^-?[0-9]{1,15}(\.[0-9]{1,15})?$/.test(text) ? Number(text) : undefined;
  if (type === 'boolean') {
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
  }
  return undefined;
}
