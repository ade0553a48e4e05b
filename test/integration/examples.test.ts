/** The programs under examples/ run, find what they are to find, and end by themselves. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeTempDir } from '../helpers/temp';

const root = path.resolve(__dirname, '../../..');
const folder = path.join(root, 'examples');
const temp = makeTempDir('examples');

async function run(name: string, ...args: string[]): Promise<string> {
  const started = performance.now();
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [path.join(folder, name), ...args],
    { env: { ...process.env, TMPDIR: temp }, timeout: 240_000 },
  );
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  assert.is(stderr, '');
  return stdout;
}

test('text-retrieval: 50,000 texts, and filters that hold for every result', async () => {
  const out = await run('text-retrieval.mjs');
  assert.match(out, /^50000 texts in the store/);
  const [, plain = '', soup = '', storm = '', both = ''] = out.split('\n\n');
  const results = (block: string) =>
    block
      .split('\n')
      .slice(1)
      .filter((line) => line !== '');
  assert.is(results(plain).length, 3);
  assert.ok(results(plain).every((line) => line.includes('astronomy/')));
  assert.is(results(soup).length, 3);
  assert.ok(results(soup).every((line) => /cooking\/\d{6}\s+20[12]\d de/.test(line)));
  assert.ok(
    results(storm).length === 3 && results(storm).every((line) => !line.includes('sailing/')),
  );
  assert.equal(results(both).length, 1);
  assert.match(both, /sailing\/000000 {2}2026 en {2}an organ and a violin/);
});

test('text-retrieval: a store in a folder of yours stays, and is only opened the second time', async () => {
  const store = path.join(temp, 'store');
  await run('text-retrieval.mjs', store, '--rows=500');
  const out = await run('text-retrieval.mjs', store, '--rows=500');
  assert.match(out, /^500 texts in the store/);
  assert.ok(existsSync(path.join(store, 'texts', 'embeddings.idx')));
});

test('photo-dedupe: every changed copy is found, and nothing else', async () => {
  const out = await run('photo-dedupe.mjs');
  assert.match(out, /12 of 12 copies found, 0 groups are no copies/);
});

test('embed-a-library: the app answers searches, serves pictures and refuses an empty question', async () => {
  const out = await run('embed-a-library.mjs', '--once');
  assert.match(out, /24 pictures are searchable/);
  assert.match(out, /a red circle: picture-\d{3}\.png, image\/jpeg, \d{4,} bytes/);
  assert.match(out, /no question: 400 ERR_ARG/);
});

test('mount-the-server: the page and the search lie below a folder of the program', async () => {
  const out = await run('mount-the-server.mjs', '--once');
  assert.match(out, /the program: Home\nthe page: Sightline/);
  assert.match(out, /a red circle: (picture-\d{3}\.png ?){3}/);
});

test('the README of the examples names every program, and nothing is left behind', () => {
  const readme = readFileSync(path.join(folder, 'README.md'), 'utf8');
  const programs = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
  for (const name of programs) assert.ok(readme.includes(name), name);
  // The model runtime leaves logs of its own there.
  assert.equal(
    readdirSync(temp).filter((name) => name.startsWith('sightline-')),
    [],
  );
});

test.run();
