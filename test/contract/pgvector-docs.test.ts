/** The examples of docs/PGVECTOR.md are run against PostgreSQL with pgvector, so that they cannot go stale. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findExamples, makeSandbox, promisedOutput, runExample } from '../helpers/doc-examples';
import { startPostgres } from '../helpers/embedded-postgres';
import { drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

test('the examples of docs/PGVECTOR.md do what they say', async () => {
  const pictures = makeTempDir('pgvector-docs');
  await drawPictures(pictures, 6);
  const file = path.resolve(__dirname, '../../../docs/PGVECTOR.md');
  // `js test postgres`: for this test, which has the database that the examples need.
  const examples = findExamples(
    readFileSync(file, 'utf8').replaceAll(' test postgres\n', ' test\n'),
  );
  assert.is(examples.length, 2);
  const postgres = await startPostgres();
  try {
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
