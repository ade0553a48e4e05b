/** `sightline serve`: announces its address, answers, and stops cleanly. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SearchResponse } from '../../lib/base/types';
import { runCli, startCli } from '../helpers/cli';
import { drawing, drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

const root = makeTempDir('cli-serve');
test.before(() => drawPictures(root, 6).then(() => undefined));

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serves what it has just indexed and ends with 0 on ${signal}`, async () => {
    const serve = startCli(['serve', root, '--port', '0']);
    const [, url = ''] = await serve.until(/frames at (http:\/\/\S+)/);
    const response = await fetch(`${url}/search?q=a%20red%20circle&k=3`);
    assert.is(response.status, 200);
    const document = (await response.json()) as SearchResponse;
    assert.is(document.results.length, 3);
    const frame = await fetch(url + (document.results[0]?.frame_url ?? ''));
    assert.is(frame.headers.get('content-type'), 'image/jpeg');
    await frame.arrayBuffer();
    serve.child.kill(signal);
    const { code, stderr } = await serve.ended;
    assert.is(code, 0, stderr);
  });
}

test('a sync beside a running server works, and the server notices it', async () => {
  const serve = startCli(['serve', root, '--port', '0', '--json']);
  const [, url = ''] = await serve.until(/"url":"(http[^"]+)"/);
  const ask = async (): Promise<string[]> => {
    const response = await fetch(`${url}/search?q=a%20star&k=100`);
    return ((await response.json()) as SearchResponse).results.map((hit) => hit.media_path);
  };
  assert.is((await ask()).length, 6);
  writeFileSync(path.join(root, 'late.jpg'), await drawing(900));
  const sync = await runCli(['sync', root]);
  assert.is(sync.code, 0, sync.stderr);
  const deadline = Date.now() + 20_000;
  let found = await ask();
  while (!found.includes('late.jpg') && Date.now() < deadline) found = await ask();
  assert.ok(found.includes('late.jpg'), 'the server answers with the new picture');
  serve.child.kill('SIGTERM');
  const { code, stdout } = await serve.ended;
  assert.is(code, 0);
  assert.is((JSON.parse(stdout) as { frames: number }).frames, 6);
});

test('a port in use exits with 2 and a remedy', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  const result = await runCli(['serve', root, '--port', String(port), '--no-sync']);
  blocker.close();
  assert.is(result.code, 2, result.stderr);
  assert.match(
    result.stderr,
    new RegExp(`port ${port} on 127.0.0.1 is in use.*--port ${port + 1}`),
  );
  assert.not.match(result.stderr, /\n +at /);
});

test('listening beyond this machine requires a token', async () => {
  const result = await runCli(['serve', root, '--host', '0.0.0.0', '--port', '0', '--no-sync']);
  assert.is(result.code, 2, result.stderr);
  assert.match(result.stderr, /token/);
});

test.run();
