/** Pulling a model when the way to the hub, the disk or the settings are in trouble: commands that help, nothing half done. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip } from '../../lib/encode';
import { pullModel } from '../../lib/library/models';
import { LoopbackHub } from '../helpers/loopback-hub';
import {
  blobOf,
  REPOSITORY,
  RETRY,
  TEXT,
  tinyFiles,
  VISION,
  withServedModel,
} from '../helpers/served-model';
import { startProxy } from '../helpers/tiny-proxy';
import { codeOf, errorOf } from '../helpers/errors';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

test('the token goes to the hub and never to the host that a redirect names', () =>
  withServedModel(async ({ pull, hub, env }) => {
    hub.token = 'hf_secret';
    const refused = await errorOf(pull());
    assert.is(refused.code, 'ERR_MODEL_MISSING');
    assert.match(
      refused.message,
      /HTTP 401.*HF_TOKEN=hf_\.\.\. sightline models pull acme\/tiny-clip/,
    );
    assert.is(hub.asked.length, 1, 'a refusal is not asked again');
    hub.asked.length = 0;
    await pull({ env: { ...env, HF_TOKEN: 'hf_secret' } });
    const store = hub.asked.filter(({ server }) => server === 'store');
    assert.is(store.length, 2);
    for (const { authorization } of store) assert.is(authorization, undefined);
    // A compressed body could not be resumed by byte ranges.
    for (const { encoding } of hub.asked) assert.is(encoding, 'identity');
    for (const asked of hub.asked.filter(({ server }) => server === 'hub'))
      assert.is(asked.authorization, 'Bearer hf_secret');
    const wrong = await errorOf(pull({ env: { ...env, HF_TOKEN: 'hf_other' } }));
    assert.match(wrong.message, /HF_TOKEN was sent and did not help/);
    assert.not.match(wrong.message, /hf_other/);
  }));

test('redirects to nowhere, to other protocols and without end are refused', async () => {
  for (const location of ['file:///etc/passwd', 'http://[', '/acme/tiny-clip/resolve/loop/x']) {
    await withServedModel(async ({ pull, hub }) => {
      hub.faults.push({ path: /resolve/, times: 99, status: 302, headers: { location } });
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_MODEL_MISSING');
      assert.match(error.message, /redirects (to nowhere|without end)/);
    });
  }
});

test('429 and 5xx are retried by the rule; 404 is not', () =>
  withServedModel(async ({ pull, hub }) => {
    hub.faults.push({
      path: /^\/api\/.*revision/,
      times: 1,
      status: 429,
      headers: { 'retry-after': '0' },
    });
    hub.faults.push({ path: /^\/api\/.*tree/, times: 2, status: 500 });
    hub.faults.push({ path: /tokenizer\.json$/, times: 1, status: 502 });
    await pull();
    hub.asked.length = 0;
    hub.faults.push({ path: /^\/api\//, times: 99, status: 500 });
    const error = await errorOf(pull());
    assert.match(error.message, /answers HTTP 500/);
    assert.is(hub.asked.length, RETRY.tries);
    hub.faults.length = 0;
    hub.asked.length = 0;
    const absent = await errorOf(pull({}, 'acme/no-such-model'));
    assert.is(absent.code, 'ERR_MODEL_MISSING');
    assert.match(absent.message, /HTTP 404.*acme\/no-such-model for the right name/);
    assert.is(hub.asked.length, 1);
    assert.is(await codeOf(pull({ revision: 'v9' })), 'ERR_MODEL_MISSING');
  }));

test('invalid answers of a hub are refused', async () => {
  const record = { type: 'file', path: 'config.json', size: 1, oid: '0'.repeat(40) };
  const answers: [RegExp, string][] = [
    [/revision/, '<!doctype html><title>Log in to the hotel</title>'],
    [/revision/, '{"sha":"../../etc"}'],
    [/tree/, '{"not":"a list"}'],
    [/tree/, '[{"type":"file","path":"config.json","size":-1,"oid":"x"}]'],
    [/tree/, '[{"type":"file","path":7,"size":1,"oid":"x"}]'],
    [/tree/, JSON.stringify([{ ...record, size: '1' }])],
    [/tree/, JSON.stringify([{ ...record, oid: 'x' }])],
    [/tree/, JSON.stringify([{ ...record, lfs: { oid: 'x', size: 1 } }])],
    [/tree/, JSON.stringify([{ ...record, lfs: { oid: '../'.repeat(21) + 'x', size: 1 } }])],
    [/tree/, JSON.stringify(Array(10_001).fill({ ...record, type: 'directory' }))],
    [/revision/, `${' '.repeat(17 << 20)}${JSON.stringify({ id: 'a/b', sha: 'a'.repeat(40) })}`],
  ];
  for (const [at, body] of answers) {
    const { createServer } = await import('node:http');
    await withServedModel(async ({ hub, env, pull }) => {
      const liar = createServer((request, response) => {
        if (at.test(request.url ?? '')) response.end(body);
        else response.writeHead(307, { location: `${hub.endpoint}${request.url}` }).end();
      });
      await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
      const { port } = liar.address() as { port: number };
      const error = await errorOf(
        pull({ env: { ...env, HF_ENDPOINT: `http://127.0.0.1:${port}` } }),
      );
      // Before a check that fails: an open server would keep the process alive.
      liar.closeAllConnections();
      await new Promise((resolve) => liar.close(resolve));
      assert.match(error.code, /^ERR_MODEL_(MISSING|INVALID)$/, body.slice(0, 200));
      assert.match(
        error.message,
        /invalid JSON|cannot be read|no commit|no size or sum|leave its|more than/,
      );
    });
  }
});

test('hostile file names never reach the disk', async () => {
  const names = [
    '../../../evil.onnx',
    '/etc/evil',
    'onnx/../../evil',
    'C:\\evil',
    'onnx\\..\\evil',
    'a\0b',
    'onnx/./x',
    'nul',
    'trailing./x',
    `${'x'.repeat(300)}`,
    '',
  ];
  for (const name of names) {
    const files = tinyFiles();
    files.set('evil', Buffer.from('x'));
    await withServedModel(async ({ hub, pull, cache }) => {
      hub.publish(REPOSITORY, { files, listing: new Map([['evil', { path: name }]]) });
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_MODEL_INVALID', JSON.stringify(name));
      assert.match(error.message, /could leave its folder: refused/);
      assert.equal(readdirSync(cache), []);
    }, files);
  }
});

test('sizes out of bounds are refused before anything is written', async () => {
  const cases: [string, object][] = [
    ['tokenizer.json', { size: 2 ** 30 }],
    [VISION, { lfs: { oid: 'a'.repeat(64), size: 2 ** 40, pointerSize: 1 } }],
  ];
  for (const [name, record] of cases) {
    await withServedModel(async ({ hub, pull, files, cache }) => {
      hub.publish(REPOSITORY, { files, listing: new Map([[name, record]]) });
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_MODEL_INVALID');
      assert.match(error.message, /bytes, allowed are/);
      assert.equal(readdirSync(cache), []);
    });
  }
});

test('a repository without ONNX files names the ones that have them', () =>
  withServedModel(
    async ({ pull }) => {
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_MODEL_INVALID');
      assert.match(error.message, /sightline models pull clip-vit-base-patch32/);
    },
    new Map([['config.json', Buffer.from('{}')]]),
  ));

test('no network and offline mode are ERR_MODEL_MISSING with the commands that help', () =>
  withServedModel(async ({ hub, pull, env, folder }) => {
    const gone = await LoopbackHub.start();
    const { endpoint } = gone;
    await gone.close();
    const error = await errorOf(pull({ env: { ...env, HF_ENDPOINT: endpoint } }));
    assert.is(error.code, 'ERR_MODEL_MISSING');
    const { trouble, model } = error.details;
    assert.equal([trouble, model], ['unreachable', REPOSITORY]);
    for (const part of [
      'ECONNREFUSED',
      'sightline models pull acme/tiny-clip',
      'HTTPS_PROXY=http://HOST:PORT sightline models pull acme/tiny-clip',
      'HF_ENDPOINT=https://MIRROR sightline models pull acme/tiny-clip',
      '--model builtin',
      folder,
    ])
      assert.ok(error.message.includes(part), `${part} in: ${error.message}`);

    const offline = { ...env, HF_HUB_OFFLINE: '1' };
    const away = await errorOf(pull({ env: offline }));
    assert.is(away.code, 'ERR_MODEL_MISSING');
    assert.match(away.message, /HF_HUB_OFFLINE=0 sightline models pull acme\/tiny-clip/);
    assert.is(hub.asked.length, 0, 'nobody was asked');
    await pull();
    hub.asked.length = 0;
    const present = await pull({ env: offline });
    assert.ok(present.files.every((file) => file.state === 'present'));
    assert.is(await codeOf(pull({ env: offline, dtype: 'q8' })), 'ERR_MODEL_MISSING');
    const clip = await openClip(REPOSITORY, { env: offline });
    await clip.close();
    assert.is(hub.asked.length, 0);
  }));

test('a proxy of the environment is used, for the hub and for its store, unless it is excepted', () =>
  withServedModel(async ({ hub, pull, env }) => {
    const proxy = await startProxy();
    try {
      const proxied = { ...env, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
      await pull({ env: proxied });
      const hosts = new Set(proxy.tunnels);
      assert.ok(hosts.has(new URL(hub.endpoint).host));
      assert.ok(hosts.has(new URL(hub.storeOrigin).host));
      proxy.tunnels.length = 0;
      await pull({ env: { ...proxied, NO_PROXY: '127.0.0.1' }, dtype: 'q8' });
      assert.equal(proxy.tunnels, []);
    } finally {
      await proxy.close();
    }
    const broken = { ...env, http_proxy: proxy.url };
    const error = await errorOf(pull({ env: broken }));
    assert.match(error.message, /cannot be reached \(through the proxy of the environment\)/);
    assert.is(await codeOf(pull({ env: { ...env, HTTPS_PROXY: 'socks5://x' } })), 'ERR_ARG_RANGE');
  }));

test('an abort ends a pull at once, keeps what has arrived, and the next one resumes', () =>
  withServedModel(async ({ hub, pull, folder }) => {
    hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 500 });
    hub.faults.push({ path: /^\/store\//, times: 1, stalls: true });
    const stop = new AbortController();
    const running = errorOf(pull({ signal: stop.signal }));
    await hub.stalled;
    stop.abort();
    assert.is((await running).code, 'ERR_ABORTED');
    const left = readdirSync(path.join(folder, 'blobs')).find((n) => n.endsWith('.incomplete'));
    assert.is(lstatSync(path.join(folder, 'blobs', left as string)).size, 500);
    hub.asked.length = 0;
    await pull();
    assert.is(hub.asked.find(({ server }) => server === 'store')?.range, 'bytes=500-');
    assert.is(await codeOf(pull({ signal: AbortSignal.abort() })), 'ERR_ABORTED');
  }));

test('a full disk is ERR_DISK_FULL, and the model stays as it was', () =>
  withServedModel(async ({ pull, folder, files, snapshotFile }) => {
    if (!existsSync('/dev/full')) return skip('no /dev/full');
    await pull();
    const blob = blobOf(folder, files.get(TEXT) as Buffer);
    rmSync(blob);
    // Every write to this device fails as on a full disk.
    symlinkSync('/dev/full', `${blob}.incomplete`);
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_DISK_FULL');
    rmSync(`${blob}.incomplete`);
    await pull();
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
  }));

test('an unwritable cache is ERR_IO, and two pulls of one model exclude each other', () =>
  withServedModel(async ({ pull, hub, env, cache }) => {
    const blocked = path.join(cache, 'file');
    writeFileSync(blocked, '');
    const error = await errorOf(pull({ env: { ...env, HF_HUB_CACHE: blocked } }));
    assert.is(error.code, 'ERR_IO');
    assert.match(error.message, /let HF_HUB_CACHE name a folder that you may write/);
    hub.faults.push({ path: /^\/store\//, times: 1, stalls: true });
    const stop = new AbortController();
    const first = errorOf(pull({ signal: stop.signal }));
    await hub.stalled;
    const second = await errorOf(pull());
    assert.is(second.code, 'ERR_FILE_LOCKED');
    assert.match(second.message, new RegExp(`process ${process.pid} is pulling`));
    stop.abort();
    await first;
    await pull();
  }));

test('branches, tags and commits are resolved and stay apart', () =>
  withServedModel(async ({ hub, pull, files, env, folder, commit }) => {
    const other = new Map(files).set(
      VISION,
      files.get('onnx/vision_model_quantized.onnx') as Buffer,
    );
    const tagged = hub.publish(REPOSITORY, { files: other }, 'refs/pr/1');
    const report = await pull({ revision: 'refs/pr/1' });
    assert.is(report.revision, tagged);
    assert.is(report.id, `${REPOSITORY}@refs/pr/1`);
    assert.is(readFileSync(path.join(folder, 'refs', 'refs', 'pr', '1'), 'utf8'), tagged);
    assert.is(await codeOf(openClip(REPOSITORY, { env })), 'ERR_MODEL_MISSING');
    const branch = await openClip(`${REPOSITORY}@refs/pr/1`, { env });
    assert.is(branch.identity.revision, tagged);
    await branch.close();
    await pull({}, `${REPOSITORY}@${commit}`);
    assert.not.ok(existsSync(path.join(folder, 'refs', commit)), 'no tool writes one for a commit');
    const exact = await openClip(`${REPOSITORY}@${commit}`, { env });
    assert.is(exact.identity.revision, commit);
    await exact.close();
    for (const bad of ['../x', '-x', 'a..b', '', 'x y'])
      assert.is(await codeOf(pull({}, `${REPOSITORY}@${bad}`)), 'ERR_ARG_RANGE', bad);
    assert.is(await codeOf(pullModel('no-such-short-name', { env })), 'ERR_ARG_RANGE');
  }));

test('the token is kept back from a hub without TLS that is not this machine', () =>
  withServedModel(async ({ hub, pull, env }) => {
    const proxy = await startProxy({ 'hub.example:80': new URL(hub.endpoint).host });
    try {
      const open = { ...env, HF_ENDPOINT: 'http://hub.example', HTTP_PROXY: proxy.url };
      await pull({ env: { ...open, HF_TOKEN: 'hf_secret' } });
      assert.ok(proxy.tunnels.includes('hub.example:80'));
      for (const { authorization } of hub.asked) assert.is(authorization, undefined);
      hub.token = 'hf_secret';
      const error = await errorOf(pull({ env: { ...open, HF_TOKEN: 'hf_secret' } }));
      assert.match(error.message, /HF_TOKEN was not sent, because HF_ENDPOINT is no https/);
    } finally {
      await proxy.close();
    }
  }));

test('settings that are no addresses or tokens are refused by name, and not repeated', async () => {
  const env = { HF_HUB_CACHE: makeTempDir('none') };
  for (const endpoint of ['ftp://x', 'nonsense', 'file:///x']) {
    const error = await errorOf(pullModel('a/b', { env: { ...env, HF_ENDPOINT: endpoint } }));
    assert.is(error.code, 'ERR_ARG_RANGE', endpoint);
    assert.match(error.message, /^HF_ENDPOINT /);
  }
  const secret = await errorOf(pullModel('a/b', { env: { ...env, HF_TOKEN: 'hf_a b' } }));
  assert.is(secret.code, 'ERR_ARG_RANGE');
  assert.not.match(secret.message, /hf_a/);
  const proxy = { ...env, HTTPS_PROXY: 'http://user:pass word@x:port' };
  const error = await errorOf(pullModel('a/b', { env: proxy }));
  assert.is(error.code, 'ERR_ARG_RANGE');
  assert.not.match(error.message, /pass/);
});

test.run();
