/** The server's rules without a server: hosts, origins, tokens, ranges, lines, errors, log lines. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, makeError } from '../../lib/base/errors';
import { hostName, hostRule, isLoopbackBind, isOwnSite } from '../../lib/server/guards/access';
import { parseRange } from '../../lib/server/http/byte-range';
import { Gate } from '../../lib/server/guards/gate';
import { ndjsonLog, toLine } from '../../lib/server/log';
import { toPublicError } from '../../lib/server/http/public-error';
import { convertFields } from '../../lib/server/schemas/strict-fields';
import { Thumbnails, widthStep } from '../../lib/server/http/thumbnails';
import { TokenGuard } from '../../lib/server/guards/token';
import { codeOf } from '../helpers/errors';

test('a Host header is a name, an IPv4 or a bracketed IPv6 address with an optional port', () => {
  const rows: [string | undefined, string | undefined][] = [
    ['localhost', 'localhost'],
    ['LocalHost:8000', 'localhost'],
    ['localhost.', 'localhost'],
    ['127.0.0.1:1', '127.0.0.1'],
    ['[::1]:8000', '::1'],
    ['::1', undefined],
    ['[::1', undefined],
    ['[127.0.0.1]', undefined],
    ['localhost:', undefined],
    ['localhost:99999', undefined],
    ['localhost:8000:8000', undefined],
    ['user@localhost', undefined],
    ['localhost/evil', undefined],
    ['.', undefined],
    ['', undefined],
    [undefined, undefined],
    ['a'.repeat(300), undefined],
  ];
  for (const [header, expected] of rows) assert.is(hostName(header), expected, String(header));
});

test('a wildcard bind admits this machine by address, never by a strange name or 0.0.0.0', () => {
  const rule = hostRule('0.0.0.0', ['photos.example.']);
  for (const ok of ['127.0.0.1', 'localhost:80', '[::1]', 'photos.example', 'photos.example:8443'])
    assert.ok(rule(ok), ok);
  for (const bad of ['0.0.0.0', '[::]', 'evil.example', '8.8.8.8', 'photos.example.evil'])
    assert.not.ok(rule(bad), bad);
  assert.ok(isLoopbackBind('localhost') && isLoopbackBind('127.3.2.1') && isLoopbackBind('::1'));
  assert.not.ok(isLoopbackBind('0.0.0.0') || isLoopbackBind('::') || isLoopbackBind('192.168.0.2'));
});

test('Origin and Sec-Fetch-Site decide whether another site asked', () => {
  const host = 'localhost:8000';
  const rows: [Record<string, string>, boolean, boolean][] = [
    // headers, a POST passes, a GET passes
    [{}, true, true],
    [{ origin: 'http://localhost:8000' }, true, true],
    [{ origin: 'https://LOCALHOST:8000' }, true, true],
    [{ origin: 'http://localhost:8001' }, false, false],
    [{ origin: 'http://evil.example' }, false, false],
    [{ origin: 'null' }, false, false],
    [{ 'sec-fetch-site': 'same-origin' }, true, true],
    [{ 'sec-fetch-site': 'none' }, true, true],
    [{ 'sec-fetch-site': 'same-site' }, false, false],
    [{ 'sec-fetch-site': 'cross-site' }, false, false],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' }, false, false],
    [
      {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      },
      false,
      true,
    ],
    [
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      false,
      false,
    ],
    [
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      false,
      false,
    ],
  ];
  for (const [headers, post, get] of rows) {
    assert.is(isOwnSite({ host, ...headers }, false), post, `POST ${JSON.stringify(headers)}`);
    assert.is(isOwnSite({ host, ...headers }, true), get, `GET ${JSON.stringify(headers)}`);
  }
});

test('a token passes as bearer, header or cookie; wrong ones are counted per address', async () => {
  const secret = 'correct-horse-battery';
  const guard = new TokenGuard(secret, 3);
  guard.check({ authorization: `Bearer ${secret}` }, 'a');
  guard.check({ 'x-sightline-token': secret }, 'a');
  guard.check({ cookie: `x=1; ${guard.setCookie.split(';')[0]}` }, 'a');
  assert.not.ok(guard.setCookie.includes(secret));
  assert.match(guard.setCookie, /HttpOnly; SameSite=Strict/);
  assert.is(await codeOf(() => guard.check({}, 'b')), 'ERR_TOKEN');
  const wrong = (now: number): Promise<string> =>
    codeOf(() => guard.check({ authorization: 'Bearer guess' }, 'c', now));
  assert.equal(
    [await wrong(0), await wrong(1), await wrong(2), await wrong(3)],
    ['ERR_TOKEN', 'ERR_TOKEN', 'ERR_TOKEN', 'ERR_RATE_LIMIT'],
  );
  const right = { authorization: `Bearer ${secret}` };
  assert.is(
    await codeOf(() => guard.check(right, 'c', 4)),
    'ERR_RATE_LIMIT',
    'locked out means locked out',
  );
  guard.check(right, 'd', 4);
  guard.check(right, 'c', 60_001);
  assert.is(await codeOf(() => new TokenGuard('short', 3)), 'ERR_ARG_RANGE');
});

test('Range is one range, the whole file, or 416', () => {
  const rows: [string | undefined, ReturnType<typeof parseRange>][] = [
    [undefined, 'whole'],
    ['bytes=0-', { start: 0, end: 99 }],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=10-19', { start: 10, end: 19 }],
    ['bytes=90-1000', { start: 90, end: 99 }],
    ['bytes=-10', { start: 90, end: 99 }],
    ['bytes=-1000', { start: 0, end: 99 }],
    ['BYTES=5-6', { start: 5, end: 6 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=19-10', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=0-1,3-4', 'whole'],
    ['bytes=a-b', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=0x1-2', 'whole'],
    [`bytes=${'1'.repeat(200)}-`, 'whole'],
  ];
  for (const [header, expected] of rows) assert.equal(parseRange(header, 100), expected, header);
  assert.is(parseRange('bytes=0-', 0), 'unsatisfiable');
});

test('a gate runs so many, queues so many, refuses the rest, and forgets who left', async () => {
  const gate = new Gate(1, 2);
  const order: string[] = [];
  let finish = (): void => undefined;
  const first = gate.run(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const leaver = new AbortController();
  const second = gate.run(async () => void order.push('second'));
  const third = gate.run(async () => void order.push('third'), leaver.signal);
  const refused = await gate.run(async () => undefined).catch((error: unknown) => error);
  assert.ok(isLibraryError(refused) && refused.code === 'ERR_POOL_FULL');
  leaver.abort();
  const left = await third.catch((error: unknown) => error);
  assert.ok(isLibraryError(left) && left.code === 'ERR_ABORTED');
  const fourth = gate.run(async () => {
    order.push('fourth');
    throw new Error('its own');
  });
  finish();
  await Promise.all([first, second]);
  assert.match(String(await fourth.catch((error: unknown) => error)), /its own/);
  assert.equal(order, ['second', 'fourth']);
  assert.is(gate.active, 0);
  assert.is(gate.waiting, 0);
});

test('a log line stays one printable line whatever is put into it', () => {
  const lines: string[] = [];
  const log = ndjsonLog({ write: (text) => lines.push(text) }, 'warn', () => new Date(0));
  log({ level: 'info', message: 'too quiet' });
  const nasty = 'a\r\nb\u001b[31m\u009b2J\u2028\u202e\ufeff\0';
  log({ level: 'error', message: nasty + 'x'.repeat(2_000_000), route: '/search' });
  assert.is(lines.length, 1);
  const line = lines[0] ?? '';
  assert.ok(line.endsWith('}\n') && line.length < 1000);

  assert.not.match(line.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\ufeff]/);
  assert.is((JSON.parse(line) as { message: string }).message.slice(0, nasty.length), nasty);
  assert.is(toLine({ a: 1, b: undefined }), '{"a":1}');
});

test('public errors have no path and no cause', () => {
  const secret = '/home/someone/pictures/library';
  for (const error of [
    new Error(`ENOENT: ${secret}`),
    makeError('ERR_IO', `cannot read ${secret}`),
    makeError('ERR_CATALOG', `SQLITE_CORRUPT in ${secret}: SELECT * FROM media`),
    makeError('ERR_MODEL_MISSING', `no model at ${secret}`),
    makeError('ERR_IO', 'someone pulled the plug'),
    makeError('ERR_NOT_FOUND', `${secret} is not there`),
    makeError('ERR_MEDIA_DECODE', `C:\\Users\\x\\y.jpg is damaged`),
    `thrown text ${secret}`,
    undefined,
  ]) {
    const shown = JSON.stringify(toPublicError(error));
    assert.not.match(shown, /someone|Users|SELECT|ENOENT/, shown);
  }
  assert.is(toPublicError(new Error('x')).status, 500);
  assert.is(toPublicError(makeError('ERR_MODEL_MISSING', 'x')).status, 503);
  assert.match(toPublicError(makeError('ERR_MODEL_MISSING', 'x')).message, /sightline doctor/);
  assert.is(
    toPublicError(makeError('ERR_ARG_RANGE', 'k must be from 1 to 1000')).message,
    'k must be from 1 to 1000',
  );
  const own = 'embedded by "x" (GET /v1/models)';
  assert.is(toPublicError(makeError('ERR_NOT_FOUND', own)).message, own);
  for (const other of ['/v1/models/x', '/v1/models-of-mine/y', '/srv/v1/models'])
    assert.not.match(toPublicError(makeError('ERR_NOT_FOUND', `no ${other}`)).message, /models/);
  assert.is(toPublicError(makeError('ERR_POOL_FULL', 'x')).retryAfter, 1);
  const full = makeError('ERR_POOL_FULL', 'x', { details: { retryAfterSeconds: 7 } });
  assert.is(toPublicError(full).retryAfter, 7);
});

test('texts become numbers only when they are written as plain ones', () => {
  const fields = { n: { type: 'integer' }, x: { type: 'number' }, b: { type: 'boolean' } } as const;
  const convert = (values: Record<string, unknown>): Record<string, unknown> => {
    convertFields(values, fields);
    return values;
  };
  assert.equal(convert({ n: '12', x: '0.5', b: 'true' }), { n: 12, x: 0.5, b: true });
  for (const text of ['1e3', '0x10', ' 7', '7 ', '', '+7', '1_000', '1.0', 'NaN', 'Infinity'])
    assert.is(convert({ n: text }).n, text, JSON.stringify(text));
  assert.equal(convert({ n: ['1', '2'] }).n, ['1', '2']);
  assert.is(convert({ b: 'yes' }).b, 'yes');
});

test('thumbnail widths are few, and the cache stays within its budget', async () => {
  assert.is(widthStep(200, 512), 256);
  assert.is(widthStep(512, 512), undefined);
  assert.is(widthStep(5000, 512), undefined);
  const { default: sharp } = await import('sharp');
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const source = await sharp({
    create: { width: 400, height: 300, channels: 3, background: '#888', noise },
  })
    .jpeg()
    .toBuffer();
  const thumbnails = new Thumbnails(20_000);
  const made = await Promise.all([
    thumbnails.get('a', 96, source),
    thumbnails.get('a', 96, source),
    thumbnails.get('b', 160, source),
    thumbnails.get('c', 256, source),
  ]);
  assert.is(made[0], made[1], 'asked twice at once, made once');
  assert.is((await sharp(made[2]).metadata()).width, 160);
  assert.ok(thumbnails.bytes <= 20_000);
});

test.run();
