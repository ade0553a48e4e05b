/** SQLite's authorizer, where the driver has it (Node 24.10 and later): views may read tables, a statement only views. */
import type { SqliteDatabase } from '../catalog/sqlite/sqlite';

interface Authorized {
  setAuthorizer?(
    work: (
      action: number,
      a: string | null,
      b: string | null,
      schema: string | null,
      within: string | null,
    ) => number,
  ): void;
}

const OK = 0;
const DENY = 1;
const READ = 20;
const SELECT = 21;
const FUNCTION = 31;
const RECURSIVE = 33;

/** Call last: what follows is the statement. */
export function authorize(db: SqliteDatabase & Authorized): void {
  db.setAuthorizer?.((action, _a, name, schema, within) => {
    if (action === SELECT || action === RECURSIVE) return OK;
    if (action === FUNCTION) return name?.toLowerCase() === 'load_extension' ? DENY : OK;
    // A table of the catalog is read through a view only.
    if (action === READ) return schema !== 'main' || within !== null ? OK : DENY;
    return DENY;
  });
}
