/** The command line offers a model of photographs: by a flag, by one question, and never without either. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLI, cleanEnv, documentOf, runCli } from '../helpers/cli';
import { drawPictures } from '../helpers/media-folder';
import { LoopbackHub } from '../helpers/loopback-hub';
import { writeNoisy } from '../helpers/photographs';
import { tinyFiles } from '../helpers/served-model';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

let hub: LoopbackHub;
test.before(async () => {
  hub = await LoopbackHub.start();
  hub.publish('Xenova/clip-vit-base-patch32', { files: tinyFiles() });
});
test.after(() => hub.close());

/** A folder of photographs, and a cache without models. */
async function photographs(): Promise<{ root: string; env: Record<string, string> }> {
  const root = makeTempDir('photographs');
  for (let i = 0; i < 6; i++) await writeNoisy(path.join(root, `${i}.jpg`), i);
  return { root, env: { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: makeTempDir('hub-cache') } };
}

const modelOf = async (root: string, env: Record<string, string>): Promise<string> =>
  documentOf<{ model: { id: string } }>(await runCli(['stats', root, '--json'], { env })).model.id;

test('without a terminal two commands are printed and nothing is fetched', async () => {
  const { root, env } = await photographs();
  const before = hub.asked.length;
  const { code, stderr } = await runCli(['sync', root], { env });
  assert.is(code, 0, stderr);
  assert.match(stderr, /sightline models pull clip-vit-base-patch32, then sightline sync --model/);
  assert.is(hub.asked.length, before);
});

test('--model auto and --yes get the model and change to it, once', async () => {
  const { root, env } = await photographs();
  const found = await runCli(['search', 'a cat', root, '--model', 'auto', '--json'], { env });
  assert.is(found.code, 0, found.stderr);
  assert.is(documentOf<{ hint?: string }>(found).hint, undefined);
  assert.match(await modelOf(root, env), /clip-vit-base-patch32/);
  const before = hub.asked.length;
  const again = await runCli(['sync', root, '--yes'], { env });
  assert.is(again.code, 0, again.stderr);
  assert.is(hub.asked.length, before);
});

test('--yes leaves drawn pictures with the built-in model', async () => {
  const root = makeTempDir('drawn');
  await drawPictures(root, 6);
  const { code, stderr } = await runCli(['sync', root, '--yes'], {
    env: { HF_ENDPOINT: hub.endpoint },
  });
  assert.is(code, 0, stderr);
  assert.match(await modelOf(root, {}), /builtin/);
});

test('a hub that answers with a page is a coded error, and what was indexed stays', async () => {
  const { root, env } = await photographs();
  hub.faults.push({
    path: /clip-vit-base-patch32/,
    times: 99,
    content: Buffer.from('<!doctype html><title>Log in</title>'),
    headers: { 'content-type': 'text/html' },
  });
  const { code, stderr } = await runCli(['sync', root, '--yes'], { env });
  hub.faults.length = 0;
  assert.ok(code === 2 || code === 4, stderr);
  assert.match(stderr, /\(ERR_[A-Z_]+\)/);
  assert.not.match(stderr, /\n\s+at /);
  assert.is((await runCli(['search', 'a cat', root, '--no-sync'], { env })).code, 0);
});

/** `script` of util-linux gives a program a terminal. */
const noTerminal =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true
    ? undefined
    : 'no script of util-linux';

async function answering(answer: string): Promise<{ text: string; id: string }> {
  const { root, env } = await photographs();
  const command = [process.execPath, CLI, 'sync', root].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: cleanEnv({ ...env, TERM: 'xterm', SHELL: '/bin/sh' }),
  });
  let text = '';
  let isAnswered = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (isAnswered || !text.includes('[y/N]')) return;
    isAnswered = true;
    child.stdin.write(`${answer}\n`);
  });
  await once(child, 'close');
  return { text, id: await modelOf(root, env) };
}

testUnless(noTerminal)(
  'on a terminal one question names size and place, and is obeyed',
  async () => {
    const yes = await answering('y');
    assert.match(
      yes.text,
      /Get clip-vit-base-patch32 \([\d.]+ [kKM]B to .*hub-cache.*\) and use it\?/,
    );
    assert.match(yes.id, /clip-vit-base-patch32/, yes.text);
    const no = await answering('');
    assert.match(no.id, /builtin/, no.text);
  },
);

test.run();
