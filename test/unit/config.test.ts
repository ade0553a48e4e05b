/** Settings: who wins, what is refused, and what the message names. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEFAULTS,
  readConfigFile,
  resolveConfig,
  samplingOf,
  SETTING_NAMES,
} from '../../lib/config';
import { isLibraryError } from '../../lib/base/errors';
import { makeTempDir } from '../helpers/temp';

const file = { path: '/lib/config.json', values: { fps: 3, k: 7, everyNFrames: null } };

function messageFrom(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(isLibraryError(error));
    return `${error.code} ${error.message}`;
  }
  return 'nothing thrown';
}

test('the defaults are what spec 004 and the parts below say', () => {
  assert.is(DEFAULTS.model, 'builtin');
  assert.is(DEFAULTS.host, '127.0.0.1');
  assert.is(DEFAULTS.port, 8000);
  assert.is(DEFAULTS.fps, 1);
  assert.is(DEFAULTS.maxSize, 512);
  assert.is(DEFAULTS.k, 20);
  assert.is(DEFAULTS.efSearch, 200);
});

test('a flag beats the environment, which beats the file, which beats the default', () => {
  const env = { SIGHTLINE_FPS: '2' };
  const all = resolveConfig({ flags: { fps: '5' }, env, file });
  assert.is(all.settings.fps, 5);
  assert.equal(all.origins.fps, { from: 'flag', name: '--fps' });
  const noFlag = resolveConfig({ env, file });
  assert.is(noFlag.settings.fps, 2);
  assert.equal(noFlag.origins.fps, { from: 'environment', name: 'SIGHTLINE_FPS' });
  const fileOnly = resolveConfig({ file });
  assert.is(fileOnly.settings.fps, 3);
  assert.equal(fileOnly.origins.fps, { from: 'file', name: '/lib/config.json' });
  const nothing = resolveConfig();
  assert.is(nothing.settings.fps, 1);
  assert.equal(nothing.origins.fps, { from: 'default', name: '' });
});

test('every setting has a value and an origin', () => {
  const { settings, origins } = resolveConfig();
  for (const name of SETTING_NAMES) {
    assert.equal(settings[name], DEFAULTS[name]);
    assert.is(origins[name].from, 'default');
  }
});

test('the names of specs 002 and 003 are accepted unchanged', () => {
  const clip = resolveConfig({ env: { CLIP_MODEL_NAME: 'ViT-B-32' } });
  // The model store knows it: see lib/models/names.ts.
  assert.is(clip.settings.model, 'ViT-B-32');
  assert.is(clip.origins.model.name, 'CLIP_MODEL_NAME');
  const embedding = resolveConfig({
    env: { EMBEDDING_IMAGE_MODEL_NAME: 'a/b', EMBEDDING_SIMILARITY_TOP_K: '10' },
  });
  assert.is(embedding.settings.model, 'a/b');
  assert.is(embedding.settings.k, 10);
  const device = resolveConfig({ env: { CLIP_DEVICE: 'CUDA', EMBEDDING_DEVICE: 'auto' } });
  assert.is(device.settings.device, 'cuda');
  const ours = resolveConfig({ env: { SIGHTLINE_MODEL: 'x/y', CLIP_MODEL_NAME: 'ViT-B-32' } });
  assert.is(ours.settings.model, 'x/y');
});

test('an empty variable is no variable', () => {
  assert.is(resolveConfig({ env: { SIGHTLINE_K: '', SIGHTLINE_PORT: 'null' } }).settings.k, 20);
});

test('bad values are refused with the place, the expectation and what was received', () => {
  const cases: [Parameters<typeof resolveConfig>[0], RegExp][] = [
    [{ flags: { k: '0' } }, /ERR_ARG_RANGE -k takes a whole number from 1 to 1000, received "0"/],
    [{ flags: { k: '1e9' } }, /-k takes/],
    [{ flags: { k: '2.5' } }, /-k takes a whole number/],
    [{ flags: { fps: 'fast' } }, /--fps takes a number from 0.001 to 240, received "fast"/],
    [{ env: { SIGHTLINE_PORT: '65536' } }, /SIGHTLINE_PORT takes a whole number from 0 to 65535/],
    [{ file: { path: 'c.json', values: { keyframes: 'maybe' } } }, /"keyframes" in c.json takes/],
    [{ file: { path: 'c.json', values: { ignore: [1] } } }, /"ignore" in c.json takes a list/],
    [{ flags: { minSimilarity: 'NaN' } }, /--min-similarity takes a number from 0 to 1/],
    [{ flags: { maxSize: '' } }, /--max-size takes/],
  ];
  for (const [sources, expected] of cases)
    assert.match(
      messageFrom(() => resolveConfig(sources)),
      expected,
    );
});

test('a bad secret is not repeated in the message', () => {
  const message = messageFrom(() =>
    resolveConfig({ file: { path: 'c.json', values: { token: 12345678 } } }),
  );
  assert.match(message, /"token" in c.json/);
  assert.not.match(message, /12345678/);
});

test('a secret can stand in a file of its own', () => {
  const secret = path.join(makeTempDir('config'), 'token');
  writeFileSync(secret, 'from-a-file\n');
  const { settings, origins } = resolveConfig({ env: { SIGHTLINE_TOKEN_FILE: secret } });
  assert.is(settings.token, 'from-a-file');
  assert.is(origins.token.name, 'SIGHTLINE_TOKEN_FILE');
});

test('unknown keys and keys that cannot stand in the file are named and ignored', () => {
  const values = { fsp: 2, library: '/elsewhere' };
  const { warnings, settings } = resolveConfig({ file: { path: 'c.json', values } });
  assert.is(warnings.length, 2);
  assert.match(warnings[0] ?? '', /"fsp" is not a setting/);
  assert.is(settings.library, undefined);
});

test('a settings file is a JSON object, or absent', () => {
  const dir = makeTempDir('config');
  assert.is(readConfigFile(path.join(dir, 'none.json')), undefined);
  const bad = path.join(dir, 'bad.json');
  writeFileSync(bad, '{"k": ');
  assert.match(
    messageFrom(() => readConfigFile(bad)),
    /ERR_ARG_TYPE .*bad\.json is not JSON/,
  );
  writeFileSync(bad, '[1]');
  assert.match(
    messageFrom(() => readConfigFile(bad)),
    /must hold one JSON object/,
  );
});

test('one way of taking frames wins: the one asked for most directly', () => {
  assert.equal(samplingOf(resolveConfig()), { fps: 1 });
  assert.equal(samplingOf(resolveConfig({ flags: { keyframes: true }, file })), {
    keyframes: true,
  });
  assert.equal(
    samplingOf(resolveConfig({ flags: { everyNFrames: '10' }, env: { SIGHTLINE_FPS: '4' } })),
    { everyNFrames: 10 },
  );
  assert.equal(
    samplingOf(resolveConfig({ flags: { fps: '4' }, env: { SIGHTLINE_KEYFRAMES: 'true' } })),
    { fps: 4 },
  );
  assert.match(
    messageFrom(() => samplingOf(resolveConfig({ flags: { fps: '4', keyframes: true } }))),
    /--keyframes and --fps exclude each other/,
  );
});

test('misspelt variables and keys are warnings with what was meant', () => {
  const file = { path: 'c.json', values: { modle: 'x' } };
  const env = { SIGHTLINE_PORTS: '1', SIGHTLINE_TEST_SEED: '1', SIGHTLINE_KERNEL: 'avx2' };
  assert.equal(resolveConfig({ env, file }).warnings, [
    'c.json: "modle" is not a setting and is ignored: did you mean model?',
    'SIGHTLINE_PORTS is not a variable of Sightline and is ignored: did you mean SIGHTLINE_PORT?',
  ]);
});

test('rules of all origins add up, and a comma within braces is none between patterns', () => {
  const { settings, origins } = resolveConfig({
    file: { path: 'c.json', values: { ignore: ['a', 'b'] } },
    env: { SIGHTLINE_IGNORE: '#recycle, *.{png,gif}' },
    flags: { ignore: ['b', 'c,d'] },
  });
  assert.equal(settings.ignore, ['a', 'b', '#recycle', '*.{png,gif}', 'c,d']);
  assert.is(origins.ignore.from, 'flag');
  assert.throws(() => resolveConfig({ env: { SIGHTLINE_IGNORE: '/' } }), /SIGHTLINE_IGNORE takes/);
});

test.run();
