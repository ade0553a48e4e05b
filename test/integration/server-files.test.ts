/** Frames, videos and the page's files: bytes, caching, ranges, and no way out of the tables. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import sharp from 'sharp';
import { scaled } from '../helpers/deadline';
import { ask, type Answer } from '../helpers/http';
import { makeTestLibrary, serve, type TestLibrary } from '../helpers/served-library';
import { openLibrary } from '../../lib/library';
import { drawing } from '../helpers/media-folder';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { openFilesBelow } from '../helpers/video';

let made: TestLibrary;
let server: Awaited<ReturnType<typeof serve>>;
let port: number;
let videoId: string | undefined;

test.before(async () => {
  made = await makeTestLibrary('server-files');
  server = await serve(made.library);
  port = server.port;
  const { results } = await made.library.search({ text: 'x' }, { k: 1, type: 'video' });
  videoId = results[0]?.video_id ?? undefined;
});
test.after(async () => {
  await server.close();
  await made.library.close();
});

test('a frame is its JPEG, asked for each time by its id alone, and 304 by its tag', async () => {
  const answer = await ask(port, '/frame/0');
  assert.is(answer.status, 200);
  assert.is(answer.headers['content-type'], 'image/jpeg');
  assert.is(answer.headers['cache-control'], 'private, no-cache');
  assert.equal(answer.body, readFileSync(made.library.frameFile(0) ?? ''));
  const etag = answer.headers.etag ?? '';
  assert.match(etag, /^"[\w-]{20,}"$/, 'strong');
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const again = await ask(port, '/frame/0', { headers: { 'if-none-match': tag } });
    assert.is(again.status, 304, tag);
    assert.is(again.body.length, 0);
    assert.is(again.headers.etag, etag);
  }
  assert.is((await ask(port, '/frame/0', { headers: { 'if-none-match': '"other"' } })).status, 200);
  const head = await ask(port, '/frame/0', { method: 'HEAD' });
  assert.is(head.status, 200);
  assert.is(Number(head.headers['content-length']), answer.body.length);
  assert.is(head.body.length, 0);
});

test('at its frame_url a frame may be kept for good, and no other picture is ever there', async () => {
  const { results } = await made.library.search({ frame: 1 }, { k: 3 });
  for (const hit of results) {
    assert.match(hit.frame_url, new RegExp(`^/frame/${hit.frame_id}/[\\w-]{16}$`));
    for (const address of [hit.frame_url, `${hit.frame_url}?w=96`]) {
      const answer = await ask(port, address);
      assert.is(answer.status, 200, address);
      assert.is(answer.headers['cache-control'], 'private, max-age=31536000, immutable');
    }
    const other = `/frame/${hit.frame_id === 0 ? 1 : 0}/${hit.frame_url.split('/')[3]}`;
    const refused = await ask(port, other);
    assert.is(refused.status, 404, 'the version is of one frame');
    assert.is(refused.headers['cache-control'], 'no-store');
  }
  for (const version of ['x', 'A'.repeat(15), 'A'.repeat(17), '%2e%2e', 'AAAAAAAAAAAAAAA%2F'])
    assert.is((await ask(port, `/frame/0/${version}`)).status, 400, version);
  assert.is((await ask(port, `/frame/0/${'A'.repeat(16)}`)).status, 404);
});

test('?w= gives a smaller copy with a tag of its own', async () => {
  const whole = await ask(port, '/frame/0');
  const small = await ask(port, '/frame/0?w=40');
  assert.is(small.status, 200);
  const { width = 0 } = await sharp(small.body).metadata();
  const frame = made.library.frame(0);
  assert.is(width, Math.min(96, frame?.width ?? 0));
  if ((frame?.width ?? 0) > 96) assert.is.not(small.headers.etag, whole.headers.etag);
  assert.is((await ask(port, '/frame/0?w=4000')).headers.etag, whole.headers.etag);
  for (const wrong of ['w=0', 'w=99999', 'w=1e2', 'w=x', 'h=3'])
    assert.is((await ask(port, `/frame/0?${wrong}`)).status, 400, wrong);
});

test('frames that do not exist are 404, ids that are none are 400', async () => {
  assert.is((await ask(port, '/frame/999999')).status, 404);
  assert.is((await ask(port, '/frame/999999999999999')).status, 404);
  for (const id of ['1e3', '-1', '0x1', '1.0', ' 1', '1234567890123456', 'NaN', '__proto__', '%00'])
    assert.is((await ask(port, `/frame/${encodeURI(id)}`)).status, 400, id);
  assert.is((await ask(port, '/video/00000000000000000000000000000000')).status, 404);
  for (const id of ['1', 'g'.repeat(32), 'A'.repeat(32), 'a'.repeat(33)])
    assert.is((await ask(port, `/video/${id}`)).status, 400, id);
});

test('no spelling of a path leads out', async () => {
  const dots = [
    '..',
    '.%2e',
    '%2e%2e',
    '%252e%252e',
    '..%00',
    '%c0%ae%c0%ae',
    '%e0%80%ae%e0%80%ae',
    '....',
    '..;',
  ];
  const slashes = ['/', '%2f', '%5c', '\\', '%252f', '%c0%af', '//', '/./'];
  const prefixes = ['/frame/', '/frame/0', '/video/', '/media/', '/', '/similar/', '/app.js/'];
  const targets = ['etc/passwd', 'package.json'];
  let tried = 0;
  for (const prefix of prefixes)
    for (const dot of dots)
      for (const slash of slashes)
        for (const target of targets) {
          const address = prefix + (dot + slash).repeat(6) + target;
          const answer = await ask(port, address).catch(() => undefined);
          tried++;
          if (answer === undefined) continue;
          assert.ok(answer.status === 404 || answer.status === 400, `${address}: ${answer.status}`);
          assert.not.match(answer.text, /root:|"name"/, address);
        }
  assert.ok(tried >= 800, String(tried));
});

test('the page is served from memory with tags, and nothing beside it', async () => {
  const names = readdirSync(path.resolve(__dirname, '../../../web'));
  const types: Record<string, string> = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml',
  };
  let script = 0;
  for (const name of names) {
    const type = types[path.extname(name)];
    const answer = await ask(port, name === 'index.html' ? '/' : `/${name}`);
    if (type === undefined) {
      assert.is(answer.status, 404, name);
      continue;
    }
    assert.is(answer.status, 200, name);
    assert.is(answer.headers['content-type'], type);
    if (name.endsWith('.js')) script += answer.body.length;
    const etag = answer.headers.etag ?? '';
    const again = await ask(port, name === 'index.html' ? '/' : `/${name}`, {
      headers: { 'if-none-match': etag },
    });
    assert.is(again.status, 304, name);
  }
  assert.ok(script > 10_000 && script < 80_000, `the page's script has ${script} bytes`);
});

const range = (value: string, more: Record<string, string> = {}): Promise<Answer> =>
  ask(port, `/video/${videoId}`, { headers: { range: value, ...more } });

test('a video is served whole and in ranges', async () => {
  if (videoId === undefined) return skip('no ffmpeg');
  const bytes = readFileSync(path.join(made.root, 'film.mp4'));
  const whole = await ask(port, `/video/${videoId}`);
  assert.is(whole.status, 200);
  assert.equal(whole.body, bytes);
  assert.is(whole.headers['content-type'], 'video/mp4');
  assert.is(whole.headers['accept-ranges'], 'bytes');
  assert.match(whole.headers['content-disposition'] ?? '', /^inline; filename="film\.mp4"/);
  const part = await range('bytes=10-19');
  assert.is(part.status, 206);
  assert.is(part.headers['content-range'], `bytes 10-19/${bytes.length}`);
  assert.equal(part.body, bytes.subarray(10, 20));
  assert.equal((await range('bytes=-5')).body, bytes.subarray(-5));
  const beyond = await range(`bytes=${bytes.length}-`);
  assert.is(beyond.status, 416);
  assert.is(beyond.headers['content-range'], `bytes */${bytes.length}`);
  assert.is(beyond.json<{ error: { code: string } }>().error.code, 'ERR_REQUEST_RANGE');
  assert.is((await range('bytes=0-1,5-6')).body.length, bytes.length, 'several ranges: the whole');
  assert.is((await range('bytes=0-1', { 'if-range': '"old"' })).status, 200);
  assert.is((await range('bytes=0-1', { 'if-range': whole.headers.etag ?? '' })).status, 206);
  const head = await ask(port, `/video/${videoId}`, { method: 'HEAD' });
  assert.is(Number(head.headers['content-length']), bytes.length);
});

test('file handles close: whole answers, aborted ones, errors', async () => {
  if (videoId === undefined) return skip('no ffmpeg');
  // Node closes a forgotten handle when it is collected, and says so: that would hide a leak.
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  for (let i = 0; i < 20; i++) {
    await range(`bytes=${i}-`);
    await range('bytes=99999999-');
    await ask(port, `/video/${videoId}`, { method: 'HEAD' });
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`GET /video/${videoId} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        socket.once('data', () => socket.resetAndDestroy());
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }
  const film = path.join(made.root, 'film.mp4');
  const deadline = Date.now() + scaled(5000);
  while (openFilesBelow(film).length > 0 && Date.now() < deadline)
    await new Promise((resolve) => setImmediate(resolve));
  assert.equal(openFilesBelow(film), []);
  global.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  assert.equal(warnings, []);
});

test('/media is the original of a picture or video, shown or saved under its name', async () => {
  const { results } = await made.library.search({ text: 'x' }, { k: 1, type: 'image' });
  const [hit] = results;
  const file = path.join(made.root, hit?.media_path ?? '');
  const whole = await ask(port, hit?.media_url ?? '');
  assert.is(whole.status, 200);
  assert.equal(whole.body, readFileSync(file));
  assert.is(whole.headers['content-type'], 'image/jpeg');
  assert.is(
    whole.headers['content-disposition'],
    `inline; filename="${hit?.media_path}"; filename*=UTF-8''${hit?.media_path}`,
  );
  const saved = await ask(port, `${hit?.media_url}?download=1`, { method: 'HEAD' });
  assert.match(saved.headers['content-disposition'] ?? '', /^attachment; /);
  assert.is(Number(saved.headers['content-length']), whole.body.length);
  const tail = await ask(port, hit?.media_url ?? '', { headers: { range: 'bytes=-3' } });
  assert.equal([tail.status, tail.body], [206, whole.body.subarray(-3)]);
  const etag = whole.headers.etag ?? '';
  const again = await ask(port, hit?.media_url ?? '', { headers: { 'if-none-match': etag } });
  assert.is(again.status, 304);
  assert.is((await ask(port, `/video/${hit?.media_id}`)).status, 404, 'not a video');
  assert.is((await ask(port, `${hit?.media_url}?download=2`)).status, 400);
  assert.is((await ask(port, '/media/00000000000000000000000000000000')).status, 404);
  for (const id of ['1', 'A'.repeat(32), '..%2f..%2fetc%2fpasswd', 'picture-000.jpg'])
    assert.is((await ask(port, `/media/${id}`)).status, 400, id);
});

test('hostile ranges of an original are the whole file, a part of it, or 416', async () => {
  const { results } = await made.library.search({ text: 'x' }, { k: 1, type: 'image' });
  const address = results[0]?.media_url ?? '';
  const bytes = (await ask(port, address)).body;
  const hostile = [
    'bytes=0-999999999999999',
    'bytes=-999999999999999',
    'bytes=9999999999999999999-',
    'bytes=1-0',
    'bytes=0-0,' + '0-,'.repeat(500),
    'bytes=--1',
    'bytes=0x0-0x1',
    'bytes= - ',
    'bytes=\t1 - 2',
    'bytes=1e3-',
    'rows=0-1',
    'bytes=NaN-Infinity',
  ];
  for (const range of hostile) {
    const answer = await ask(port, address, { headers: { range } });
    assert.ok([200, 206, 416].includes(answer.status), `${range}: ${answer.status}`);
    if (answer.status !== 416)
      assert.ok(answer.body.length <= bytes.length && answer.body.length > 0);
  }
});

test('a name of any letters is a safe header, and only indexed bytes are served', async () => {
  const root = makeTempDir('server-media-names');
  const name = 'Ünï "quoted"; x=%41\u202e 名.jpg';
  writeFileSync(path.join(root, name), await drawing(1));
  mkdirSync(path.join(root, 'inner'));
  const inner = path.join(root, 'inner', 'b.jpg');
  writeFileSync(inner, await drawing(2));
  // Named like a picture, and none: it is in the catalog and must not be served.
  writeFileSync(path.join(root, 'secret.jpg'), 'a secret text');
  await using library = await openLibrary(root);
  await library.sync();
  const own = await serve(library);
  try {
    const { results } = await library.search({ text: 'x' }, { k: 9 });
    const [odd, plain] = [name, 'inner/b.jpg'].map((file) =>
      results.find((hit) => hit.media_path === file),
    );
    const answer = await ask(own.port, odd?.media_url ?? '');
    assert.is(answer.status, 200);
    const said = answer.headers['content-disposition'] ?? '';
    assert.match(said, /^inline; filename="[\x20-\x7e]+"; filename\*=UTF-8''[\w.%~!-]+$/);
    assert.is(decodeURIComponent(said.split("UTF-8''")[1] ?? ''), name);

    const codeOf = async (): Promise<[number, string]> => {
      const refused = await ask(own.port, plain?.media_url ?? '');
      assert.not.ok(refused.text.includes(root) || refused.text.includes('secret'), refused.text);
      return [refused.status, refused.json<{ error: { code: string } }>().error.code];
    };
    const bytes = readFileSync(inner);
    writeFileSync(inner, 'something else that is a secret');
    assert.equal(await codeOf(), [409, 'ERR_MEDIA_CHANGED']);
    rmSync(inner);
    assert.equal(await codeOf(), [404, 'ERR_MEDIA_MISSING']);
    mkdirSync(inner);
    assert.equal(await codeOf(), [404, 'ERR_MEDIA_MISSING']);
    rmSync(path.join(root, 'inner'), { recursive: true });
    // The same file by name, size and time, behind a folder that is a link out of the library.
    const outside = makeTempDir('server-media-outside');
    writeFileSync(path.join(outside, 'b.jpg'), bytes);
    const when = new Date(plain?.modified_at ?? 0);
    utimesSync(path.join(outside, 'b.jpg'), when, when);
    symlinkSync(outside, path.join(root, 'inner'));
    assert.equal(await codeOf(), [404, 'ERR_MEDIA_MISSING']);
  } finally {
    await own.close();
  }
});

test('a video that is gone or became a link is 404 without its path', async () => {
  if (videoId === undefined) return skip('no ffmpeg');
  const film = path.join(made.root, 'film.mp4');
  renameSync(film, `${film}.away`);
  try {
    const gone = await ask(port, `/video/${videoId}`);
    assert.is(gone.status, 404);
    assert.not.ok(gone.text.includes(made.root));
    symlinkSync('/etc/passwd', film);
    const linked = await ask(port, `/video/${videoId}`);
    assert.is(linked.status, 404, linked.text);
    rmSync(film);
  } finally {
    renameSync(`${film}.away`, film);
  }
});

test.run();
