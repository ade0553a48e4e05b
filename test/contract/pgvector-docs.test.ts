/** The examples of docs/guide/PGVECTOR.md are run against PostgreSQL with pgvector, so that they cannot go stale. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findExamples, makeSandbox, promisedOutput, runExample } from '../helpers/doc-examples';
import { startPostgres } from '../helpers/embedded-postgres';
import { drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

test('the examples of docs/guide/PGVECTOR.md do what they say', async () => {
  const pictures = makeTempDir('pgvector-docs');
  await drawPictures(pictures, 6);
  const file = path.resolve(__dirname, '../../../docs/guide/PGVECTOR.md');
  // `js test postgres`: for this test, which has the database that the examples need.
  const text = readFileSync(file, 'utf8').replaceAll(' test postgres\n', ' test\n');
  const examples = findExamples(text);
  assert.is(examples.length, 3);
  const postgres = await startPostgres();
  try {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    const statements = [...text.matchAll(/^```sql test\n([^`]+)```/gm)];
    assert.is(statements.length, 1);
    for (const [, sql = ''] of statements) await client.query(sql);
    await client.end();
    for (const example of examples) {
      const { dir, env } = makeSandbox(pictures);
      const result = await runExample(example, {
        dir,
        env: { ...env, SIGHTLINE_VECTOR_STORE: postgres.url },
      });
      const where = `line ${example.line}:\n${result.stdout}\n${result.stderr}`;
      assert.is(result.code, 0, where);
      const printed = result.stdout.split('\n');
      for (const promise of promisedOutput(example)) {
        const at = printed.indexOf(promise);
        assert.ok(at >= 0, `no "${promise}" at ${where}`);
        printed.splice(0, at + 1);
      }
      if (example.language === 'bash') assert.match(result.stdout, /pgvector \d/);
    }
  } finally {
    await postgres.stop();
  }
});

test.run();
