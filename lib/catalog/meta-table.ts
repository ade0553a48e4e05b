/** Names and values that are no rows of anything else. */
import type { Statements } from './statements';

export class MetaTable {
  constructor(private readonly sql: Statements) {}

  get(key: string): string | undefined {
    return this.sql.get('SELECT value FROM meta WHERE key = ?', key)?.value as string | undefined;
  }

  set(key: string, value: string): void {
    this.sql.run(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }
}
