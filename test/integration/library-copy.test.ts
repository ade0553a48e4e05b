/**
 * A library's folder that was copied file by file while it was written to: its index lacks what the copy
 * of its files missed. The library says so, answers with what is there, and a sync makes it whole.
 */
import { copyFileSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { documentOf, runCli } from '../helpers/cli';
import { ask } from '../helpers/http';
import { serve } from '../helpers/served-library';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP, TINY_DIM } from '../helpers/tiny-clip';

async function draw(root: string, first: number, count: number): Promise<void> {
  for (let i = first; i < first + count; i++) {
    const background = { r: (40 + i * 37) & 255, g: (i * 91) & 255, b: (i * 151) & 255 };
    const create = { width: 40, height: 30, channels: 3, background } as const;
    const name = `${String(i).padStart(3, '0')}.png`;
    writeFileSync(path.join(root, name), await sharp({ create }).png().toBuffer());
  }
}

const QUERY = { vector: Float32Array.from({ length: TINY_DIM }, (_, i) => i - 3.3) };
const INDEX = 'spaces/clip';

/** `path` -> frame id and cosine, of all that a search finds. */
async function allOf(library: Library, path?: string): Promise<Record<string, [number, number]>> {
  const filter = path === undefined ? {} : { path };
  const { results } = await library.search(QUERY, { k: 1000, exact: true, ...filter });
  return Object.fromEntries(
    results
      .map((hit) => [hit.media_path, [hit.frame_id, hit.cosine]] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ) as never;
}

/** A library of 16 pictures that is kept as `before`, and then lost 3 of them. */
async function twoMoments(): Promise<{ root: string; before: string }> {
  const root = makeTempDir('library-copy');
  await draw(root, 0, 16);
  {
    await using library = await openLibrary(root, { model: TINY_CLIP });
    await library.sync();
  }
  const before = path.join(makeTempDir('library-copy-before'), 'library');
  cpSync(path.join(root, '.sightline'), before, { recursive: true });
  for (const name of ['003.png', '007.png', '008.png']) rmSync(path.join(root, name));
  return { root, before };
}

/** A copy of the root as it is now, but for files of its index, which are those of `before`. */
function tornCopy(root: string, before: string, ...names: string[]): string {
  const copy = path.join(makeTempDir('library-copy-torn'), 'root');
  cpSync(root, copy, { recursive: true, preserveTimestamps: true });
  const index = path.join(copy, '.sightline', INDEX);
  for (const name of names) copyFileSync(path.join(before, INDEX, name), path.join(index, name));
  return copy;
}

test('a copy whose index lacks rows says so, finds what is there, and is made whole by a sync', async () => {
  const { root, before } = await twoMoments();
  await draw(root, 16, 12);
  let expected: Record<string, [number, number]>;
  {
    await using library = await openLibrary(root);
    await library.sync();
    expected = await allOf(library);
    assert.is(library.stats().recovered, undefined);
  }
  assert.is(Object.keys(expected).length, 25);
  const copy = tornCopy(root, before, 'embeddings.dat');
  const digest = readdirSync(path.join(copy, '.sightline', INDEX));
  {
    await using reader = await openLibrary(copy, { readOnly: true });
    const { recovered, frames, framesPending } = reader.stats();
    assert.match(recovered ?? '', /copied while it was written to/);
    assert.equal([frames, framesPending], [13, 12]);
    const found = await allOf(reader);
    // What was removed before the copy ended is not found, although its row is back.
    assert.equal(
      found,
      Object.fromEntries(Object.entries(expected).filter(([name]) => name < '016.png')),
    );
    assert.equal(Object.keys(await allOf(reader, '01*.png')).length, 6);
    const report = await reader.verify();
    assert.not.ok(report.ok);
    assert.match(report.problems.join('\n'), /index: .*copied while it was written to/);
  }
  assert.equal(readdirSync(path.join(copy, '.sightline', INDEX)), digest);

  const shown = await runCli(['stats', copy]);
  assert.match(shown.stdout, /^frames +13$/m);
  assert.match(shown.stdout, /^recovered +.*copied while it was written to/m);
  assert.match(shown.stderr, /sightline sync/);
  const document = documentOf<Record<string, unknown>>(await runCli(['stats', copy, '--json']));
  assert.match(String(document.recovered), /copied while it was written to/);

  await using library = await openLibrary(copy);
  assert.match(library.stats().recovered ?? '', /copied while it was written to/);
  assert.equal([library.stats().frames, library.stats().framesPending], [13, 12]);
  const report = await library.sync();
  assert.equal([report.framesAdded, report.framesTotal], [12, 25]);
  assert.equal(await allOf(library), expected);
  assert.is(library.stats().recovered, undefined, 'written to, it is an index of its own');
  assert.equal((await library.verify()).problems, []);
});

test('a removal that the copy of the log missed is made up for by a sync: rows are as many', async () => {
  const { root, before } = await twoMoments();
  let expected: Record<string, [number, number]>;
  {
    await using library = await openLibrary(root);
    await library.sync();
    expected = await allOf(library);
  }
  const copy = tornCopy(root, before, 'embeddings.idx');
  await using library = await openLibrary(copy);
  assert.equal(await allOf(library), expected);
  await library.sync();
  assert.equal(await allOf(library), expected);
  assert.equal((await library.verify()).problems, []);
});

test('a log that ends before the snapshot: the copy says so, and a sync makes it whole', async () => {
  const { root, before } = await twoMoments();
  await draw(root, 16, 4);
  let expected: Record<string, [number, number]>;
  {
    await using library = await openLibrary(root);
    await library.sync();
    expected = await allOf(library);
  }
  const copy = tornCopy(root, before, 'embeddings.idx');
  await using library = await openLibrary(copy);
  assert.is(library.stats().framesPending, 4);
  await library.sync();
  assert.equal(await allOf(library), expected);
  assert.equal((await library.verify()).problems, []);
});

test('a catalog that is older than its index, which lacks rows, agrees with it again', async () => {
  const { root, before } = await twoMoments();
  await draw(root, 16, 12);
  {
    await using library = await openLibrary(root);
    await library.sync();
  }
  const copy = tornCopy(root, before, 'embeddings.dat');
  copyFileSync(
    path.join(before, 'catalog.sqlite'),
    path.join(copy, '.sightline', 'catalog.sqlite'),
  );
  await using library = await openLibrary(copy);
  assert.is((await library.sync()).framesTotal, 25);
  assert.equal((await library.verify()).problems, []);
});

test('a catalog restored alone, with as many rows as its index, agrees with it after a sync', async () => {
  const { root, before } = await twoMoments();
  {
    await using library = await openLibrary(root);
    await library.sync();
  }
  await draw(root, 3, 1);
  copyFileSync(path.join(before, 'catalog.sqlite'), path.join(root, '.sightline/catalog.sqlite'));
  await using library = await openLibrary(root);
  assert.is(library.stats().recovered, undefined);
  // The picture that the restored entry stands for was deleted: it is known to be decoded again.
  assert.equal([(await library.sync()).framesFailed, library.stats().frames], [1, 13]);
  assert.is((await library.sync()).framesTotal, 14);
  assert.ok('003.png' in (await allOf(library)));
  assert.equal((await library.verify()).problems, []);
});

test('/health says what a copy lacks', async () => {
  const { root, before } = await twoMoments();
  await draw(root, 16, 4);
  {
    await using library = await openLibrary(root);
    await library.sync();
  }
  const copy = tornCopy(root, before, 'embeddings.dat');
  await using library = await openLibrary(copy, { readOnly: true });
  const server = await serve(library);
  const health = (await ask(server.port, '/health')).json();
  await server.close();
  assert.match(String(health.recovered), /copied while it was written to/);
  assert.is(health.frames, 13);
});

test.run();
