/** `sightline exr inspect` and `exr embed`, in processes of their own, on files of every kind. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  computeChannelFingerprint,
  computeMetadataEmbedding,
  type ExrPayload,
} from '../../lib/exr';
import { attribute, everyKind, exrHeader } from '../helpers/exr-files';
import { runCli } from '../helpers/cli';
import { makeTempDir } from '../helpers/temp';

const dir = makeTempDir('cli-exr');
const names = Object.keys(everyKind()).map((name) => `${name}.exr`);
for (const [name, bytes] of Object.entries(everyKind()))
  writeFileSync(path.join(dir, `${name}.exr`), bytes);
writeFileSync(
  path.join(dir, 'damaged.exr'),
  (everyKind().tiled ?? Buffer.alloc(0)).subarray(0, 90),
);
writeFileSync(
  path.join(dir, 'hostile.exr'),
  exrHeader({
    parts: [
      {
        channels: [{ name: '\u001b]0;x\u0007.R' }],
        extra: [attribute('a\u001b[2J', 'string', '\u202e')],
      },
    ],
  }),
);

test('inspect prints a table for people, with channels by layer', async () => {
  const { code, stdout } = await runCli(['exr', 'inspect', 'multi-view.exr'], { cwd: dir });
  assert.is(code, 0);
  assert.match(stdout, /^multi-view\.exr: .* 1 part, 7 channels, views left, right\n/);
  assert.match(stdout, /layer diffuse\.left +R:half\n/);
  assert.match(stdout, /data window +\(0 0\) - \(3 3\), 4 x 4\n/);
});

test('inspect --json is the payload of one file, or a list; --ndjson one a line', async () => {
  const one = await runCli(['exr', 'inspect', 'tiled.exr', '--json'], { cwd: dir });
  const payload = JSON.parse(one.stdout) as ExrPayload;
  assert.equal([payload.schema_version, payload.file.path], ['1.0.0', 'tiled.exr']);
  assert.is(payload.parts[0]?.tiles?.width, 64);
  const lines = await runCli(['exr', 'inspect', ...names, '--ndjson'], { cwd: dir });
  assert.is(lines.code, 0);
  const paths = lines.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as ExrPayload).file.path);
  assert.equal(paths, names);
  const both = await runCli(['exr', 'inspect', 'tiled.exr', '--json', '--ndjson'], { cwd: dir });
  assert.is(both.code, 2);
});

test('a file that fails is told, and the others go on', async () => {
  const { code, stdout, stderr } = await runCli(
    ['exr', 'inspect', 'damaged.exr', 'none.exr', 'tiled.exr', '--json'],
    { cwd: dir },
  );
  assert.is(code, 3);
  const { files } = JSON.parse(stdout) as { files: { error?: { code: string } }[] };
  assert.equal(
    files.map((file) => file.error?.code),
    ['ERR_MEDIA_DECODE', 'ERR_MEDIA_MISSING', undefined],
  );
  assert.match(stderr, /damaged\.exr.*ERR_MEDIA_DECODE/);
});

test('names in a file cannot write to the terminal', async () => {
  const { stdout } = await runCli(['exr', 'inspect', 'hostile.exr'], { cwd: dir });
  assert.match(stdout, /\\x1b\]0;x\\x07/);
  assert.not.match(stdout, /[\u0000-\u0009\u001b\u202e]/);
});

test('embed prints both vectors, or writes those of one space', async () => {
  const inspected = await runCli(['exr', 'inspect', 'deep.exr', '--json'], { cwd: dir });
  const payload = JSON.parse(inspected.stdout) as ExrPayload;
  for (const version of [1, 2] as const) {
    const { stdout } = await runCli(
      ['exr', 'embed', 'deep.exr', '--embedding-version', String(version)],
      { cwd: dir },
    );
    const line = JSON.parse(stdout) as Record<string, number[]>;
    assert.equal(
      Float32Array.from(line.metadata_embedding ?? []),
      computeMetadataEmbedding(payload, 384, { version }),
    );
    assert.equal(
      Float32Array.from(line.channel_fingerprint ?? []),
      computeChannelFingerprint(payload.channels, 128, { version }),
    );
  }
  const npy = path.join(dir, 'vectors.npy');
  const { code, stdout } = await runCli(
    ['exr', 'embed', 'damaged.exr', 'deep.exr', 'tiled.exr', '--npy', npy, '--by', 'channels'],
    { cwd: dir },
  );
  assert.is(code, 3);
  assert.is(stdout, '{"file":"deep.exr","row":0}\n{"file":"tiled.exr","row":1}\n');
  assert.match(readFileSync(npy).toString('latin1', 0, 128), /\(2, 128\)/);
});

test.run();
