/** What whole processes show: what is loaded where, and that every way out is a clean one. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TINY_CLIP } from '../helpers/tiny-clip';

const encode = path.resolve(__dirname, '../../lib/encode/index.js');
const helper = path.resolve(__dirname, '../helpers/tiny-clip.js');

/** Runs a script in a process of its own; `openTiny()`, `pictures` and `say()` are at hand. */
function child(body: string): { said: unknown; status: number | null; signal: string | null } {
  const script = `
    const { openClip } = require(${JSON.stringify(encode)});
    const { pictures } = require(${JSON.stringify(helper)});
    const openTiny = () => openClip(${JSON.stringify(TINY_CLIP)}, { workers: 2 });
    const say = (value) => require('node:fs').writeSync(1, JSON.stringify(value));
    const loaded = () => process.report.getReport().sharedObjects;
    const mainHas = (part) => Object.keys(require.cache).some((file) => file.includes(part));
    (async () => { ${body} })();`;
  const run = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 300_000 });
  assert.is(run.stderr, '', 'nothing is printed to stderr');
  return {
    said: run.stdout === '' ? undefined : JSON.parse(run.stdout),
    status: run.status,
    signal: run.signal,
  };
}

test('the main thread loads neither runtime nor image library, and opening starts nothing', () => {
  const { said, status } = child(`
    const clip = await openTiny();
    const before = loaded().filter((file) => /onnxruntime|vips/.test(file)).length;
    await clip.text.encode(['red circle']);
    const text = loaded();
    await clip.image.encode(pictures.map((item) => item.bytes));
    const image = loaded();
    await clip.close();
    say({
      before,
      textHasRuntime: text.some((file) => file.includes('onnxruntime')),
      textHasSharp: text.some((file) => file.includes('vips')),
      imageHasSharp: image.some((file) => file.includes('vips')),
      main: ['onnxruntime', 'sharp', '@huggingface'].filter(mainHas),
    });`);
  assert.equal(said, {
    before: 0,
    textHasRuntime: true,
    textHasSharp: false,
    imageHasSharp: true,
    main: [],
  });
  assert.is(status, 0);
});

test('a process that forgets to close still ends', () => {
  const { status, signal } = child(`
    const clip = await openTiny();
    await clip.image.encode(pictures.map((item) => item.bytes));
    await clip.text.encode(['night']);`);
  assert.is(signal, null);
  assert.is(status, 0);
});

test('a process may exit in the middle of the work', () => {
  const { status, signal } = child(`
    const clip = await openTiny();
    await clip.image.warm();
    const many = Array.from({ length: 3000 }, (_, i) => pictures[i % 6].bytes);
    clip.image.encode(many).catch(() => undefined);
    await clip.text.encode(['night']);
    process.exit(7);`);
  assert.is(signal, null);
  assert.is(status, 7);
});

test('opening and closing many times neither crashes nor grows without bound', () => {
  const { said, status, signal } = child(`
    const round = async () => {
      const clip = await openTiny();
      await Promise.all([
        clip.image.encode(pictures.map((item) => item.bytes)),
        clip.text.encode(['red']),
      ]);
      await clip.close();
    };
    for (let i = 0; i < 10; i++) await round();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 20; i++) await round();
    say((process.memoryUsage().rss - before) / 2 ** 20);`);
  assert.is(signal, null);
  assert.is(status, 0);
  console.log(
    `20 rounds of open, encode, close: resident memory ${Number(said).toFixed(1)} MiB more`,
  );
  // A leaked worker would cost about 10 MiB each, that is 600 MiB here.
  assert.ok(Number(said) < 120, `grew by ${String(said)} MiB`);
});

test('a long run does not grow: 9,000 pictures through one pool', () => {
  const { said, status } = child(`
    const clip = await openTiny();
    const batch = Array.from({ length: 1500 }, (_, i) => pictures[i % 6].bytes);
    for (let i = 0; i < 2; i++) await clip.image.encode(batch);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 4; i++) await clip.image.encode(batch);
    say((process.memoryUsage().rss - before) / 2 ** 20);
    await clip.close();`);
  assert.is(status, 0);
  console.log(`6,000 pictures after a warm-up of 3,000: ${Number(said).toFixed(1)} MiB more`);
  assert.ok(Number(said) < 60, `grew by ${String(said)} MiB`);
});

test.run();
