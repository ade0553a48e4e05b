/**
 * A change of the model that is interrupted, watched from other processes, or resumed. What searches find
 * is at every moment all frames by one model: the oracle is what each model finds in a library of its own.
 */
import { cpSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import type { LibraryStats, SearchResponse, SyncReport } from '../../lib/base/types';
import { startServer } from '../../lib/server';
import { documentOf, errorOf, runCli } from '../helpers/cli';
import { COLOURS, picture } from '../helpers/media';
import {
  answersOf,
  changeInChild,
  PICTURES,
  pictureFolder,
  type Answers,
} from '../helpers/model-change';
import { makeTempDir } from '../helpers/temp';
import { copyTinyClip, TINY_CLIP } from '../helpers/tiny-clip';
import { randomOf } from '../helpers/vectors';

const KILLS = Number(process.env.SIGHTLINE_TEST_KILLS ?? 4);
const SEED = Number(process.env.SIGHTLINE_TEST_SEED ?? 20261201);

/** A library of `PICTURES` by the built-in model; copied for each test. */
let original = '';
const expected = new Map<string, Answers>();

test.before(async () => {
  original = await pictureFolder('change-original');
  const twin = makeTempDir('change-twin');
  cpSync(original, twin, { recursive: true, preserveTimestamps: true });
  for (const [root, model] of [
    [original, 'builtin'],
    [twin, TINY_CLIP],
  ] as const) {
    await using library = await openLibrary(root, { model });
    await library.sync();
    const answers = await answersOf(library);
    assert.is(answers.cosines.size, PICTURES);
    expected.set(answers.model, answers);
  }
});

function copyOf(): string {
  const root = makeTempDir('change');
  cpSync(original, root, { recursive: true, preserveTimestamps: true });
  return root;
}

/** The answers are those of one model, whole. */
function assertWhole(answers: Answers): string {
  assert.equal(answers, expected.get(answers.model), answers.model);
  return answers.model;
}

async function modelBeside(root: string): Promise<string> {
  await using reader = await openLibrary(root, { readOnly: true });
  return assertWhole(await answersOf(reader));
}

test('searches in other processes use the old model until the change is complete, then the new one', async () => {
  const root = copyOf();
  await using reader = await openLibrary(root, { readOnly: true });
  const server = await startServer(reader, { port: 0 });
  const ask = async <T>(what: string): Promise<T> =>
    (await (await fetch(`${server.url}${what}`)).json()) as T;
  const find = async (): Promise<[string, number]> => {
    const { model, results } = await ask<SearchResponse>('/search?q=a%20white%20circle&k=100');
    return [model, results.length];
  };
  assert.equal(await find(), ['builtin', PICTURES]);

  const child = changeInChild(root, TINY_CLIP, 'wait', '2');
  await child.until(/reembed 64 of 70/);
  assert.equal(await find(), ['builtin', PICTURES]);
  assert.is(await modelBeside(root), 'builtin');
  const { spaces } = await ask<LibraryStats>('/info');
  assert.equal(
    spaces.map((space) => [space.state, space.model.id, space.frames, space.framesPending]),
    [
      ['active', 'builtin', PICTURES, 0],
      ['building', 'tiny-clip', 64, 6],
    ],
  );
  // One writer at a time; a search does not need to be one.
  for (const args of [['--model', TINY_CLIP], ['--undo'], []]) {
    const second = await runCli(['sync', root, '--json', ...args]);
    assert.equal([second.code, errorOf(second).code], [2, 'ERR_FILE_LOCKED'], args.join(' '));
  }
  const found = await runCli(['search', 'a white circle', root, '--json', '-k', '100']);
  assert.equal(documentOf<SearchResponse>(found).model, 'builtin');

  child.goOn();
  assert.ok(await child.ended);
  // Readers look once a second.
  let model = 'builtin';
  for (const deadline = Date.now() + 20_000; model === 'builtin' && Date.now() < deadline;) {
    const answers = await find();
    assert.is(answers[1], PICTURES);
    [model] = answers;
  }
  assert.is(model, 'tiny-clip');
  assert.is((await ask<{ model: string }>('/health')).model, 'tiny-clip');
  const { data } = await ask<{ data: { id: string }[] }>('/v1/models');
  assert.equal(
    data.map(({ id }) => id),
    ['tiny-clip'],
  );
  assertWhole(await answersOf(reader));
  await server.close();
});

test('killed at every step and at random moments, the next sync resumes', async () => {
  console.log(`seed ${SEED}, ${KILLS} random kills`);
  const random = randomOf(SEED);
  const root = copyOf();
  // Before the first batch, after one, after the last, and after the swap.
  for (const [at, model] of [
    ['1', 'builtin'],
    ['2', 'builtin'],
    ['9', 'tiny-clip'],
  ] as const) {
    assert.not(await changeInChild(root, TINY_CLIP, 'kill', at).ended);
    assert.is(await modelBeside(root), model, `event ${at}`);
  }
  for (let kills = 0, target = 'builtin'; kills < KILLS; kills++) {
    const child = changeInChild(root, target === 'builtin' ? 'builtin' : TINY_CLIP);
    await child.until(/open/);
    const timer = setTimeout(() => child.kill(), random() * 1500);
    const isDone = await child.ended;
    clearTimeout(timer);
    const model = await modelBeside(root);
    if (isDone) {
      assert.is(model, target);
      target = target === 'builtin' ? 'tiny-clip' : 'builtin';
    }
  }
  await using library = await openLibrary(root);
  await library.sync({ model: TINY_CLIP });
  assert.is(assertWhole(await answersOf(library)), 'tiny-clip');
  assert.equal((await library.verify()).problems, []);
  const { media } = library.stats();
  assert.equal(media, { pending: 0, indexed: PICTURES, skipped: 0, failed: 0 });
});

test('an unfinished change goes on with the next sync, is left alone by a search, and can be dropped', async () => {
  const root = copyOf();
  const model = copyTinyClip();
  assert.not(await changeInChild(root, model, 'kill', '2').ended);
  writeFileSync(path.join(root, 'more.jpg'), await picture(COLOURS.red, COLOURS.green));
  const found = await runCli(['search', 'a circle', root, '--json', '-k', '100']);
  const { model: used, results } = documentOf<SearchResponse>(found);
  assert.equal(
    [used, results.length],
    ['builtin', PICTURES + 1],
    'new files are found by the old model',
  );

  // Its model has vanished: the sync says so, does the rest, and searches go on.
  renameSync(model, `${model}.away`);
  writeFileSync(path.join(root, 'other.jpg'), await picture(COLOURS.blue, COLOURS.green));
  const stuck = await runCli(['sync', root, '--json']);
  assert.is(stuck.code, 4, stuck.stderr);
  const report = documentOf<SyncReport>(stuck);
  assert.equal([report.framesAdded, report.framesTotal], [1, PICTURES + 2]);
  const { isDone, problem, framesWaiting } = report.modelChange ?? {};
  assert.equal([isDone, problem?.code, framesWaiting], [false, 'ERR_MODEL_MISSING', 8]);
  const told = await runCli(['sync', root]);
  assert.match(told.stderr, /searches still use builtin.*ERR_MODEL_MISSING.*sync --undo/);

  renameSync(`${model}.away`, model);
  const resumed = documentOf<SyncReport>(
    await runCli(['sync', root, '--json', '--progress', 'json']),
  );
  assert.equal([resumed.modelChange?.isDone, resumed.modelChange?.frames], [true, PICTURES + 2]);

  assert.not(await changeInChild(root, 'builtin', 'kill', '1').ended);
  const dropped = await runCli(['sync', root, '--undo']);
  assert.is(dropped.code, 0, dropped.stderr);
  await using library = await openLibrary(root);
  assert.equal(
    library.stats().spaces.map(({ state }) => state),
    ['active'],
  );
  assert.is((await library.sync()).modelChange, undefined);
  assert.is((await answersOf(library)).cosines.size, PICTURES + 2);
});

test.run();
