/** The full check of a table: reads every vector, so the time grows with the table. */
import { messageOf } from '../../../../base/errors';
import type { PgConnection } from '../pg-connection';
import type { TableSpec, TableState } from './pg-schema';
import type { StoreReport } from '../../vector-store';

/** Float32 and half rounding stay far below; a torn or foreign row is far above. */
const UNIT_TOLERANCE = 1e-2;

/** @throws ERR_STORE_* when the server is unreachable; faults of the table are in the report */
export async function verifyTable(
  connection: PgConnection,
  spec: TableSpec,
  { table, meta, ext }: TableState,
): Promise<StoreReport> {
  return connection
    .transaction(
      async (sql) => {
        const problems: string[] = [];
        const [record] = await sql(`SELECT * FROM ${meta} WHERE table_name = $1`, [spec.table]);
        if (record === undefined) problems.push(`table "${spec.table}" is not recorded`);
        const norm =
          spec.type === 'halfvec' ? `${ext}.l2_norm(embedding)` : `${ext}.vector_norm(embedding)`;
        const unit =
          spec.metric === 'cosine'
            ? `count(*) FILTER (WHERE NOT abs(${norm} - 1) < ${UNIT_TOLERANCE})`
            : '0';
        const [found] = await sql(
          `SELECT count(*) AS rows, ${unit} AS off, coalesce(max("row"), -1) AS last,
           count(*) FILTER (WHERE "row" < 0) AS negative FROM ${table}`,
        );
        const n = Number(found?.rows);
        const say = (count: unknown, what: string): void => {
          if (Number(count) > 0) problems.push(`${Number(count)} rows ${what}`);
        };
        say(found?.off, 'are not of unit length');
        say(found?.negative, 'have a negative number');
        if (record !== undefined) {
          if (Number(record.live_rows) !== n)
            problems.push(`${n} rows are there, ${Number(record.live_rows)} are counted`);
          if (Number(found?.last) >= Number(record.next_row))
            problems.push(`row ${Number(found?.last)} was never given out`);
        }
        const broken = await sql(
          `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = to_regclass($1) AND NOT i.indisvalid`,
          [table],
        );
        for (const { name } of broken)
          problems.push(`index ${String(name)} was not finished: drop it and build it again`);
        return { ok: problems.length === 0, problems, rowsChecked: n };
      },
      { readOnly: true, isUnlimited: true },
    )
    .catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'ERR_STORE') throw error;
      // For example a damaged page: report it.
      return { ok: false, problems: [messageOf(error)], rowsChecked: 0 };
    });
}
