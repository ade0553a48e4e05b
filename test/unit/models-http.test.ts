/** Rules of requests to the hub that need no hub: redirects, waits, who may see the token. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeError } from '../../lib/base/errors';
import { diskError } from '../../lib/models/failures';
import { HubHttp, isNetworkTrouble, nextUrl, waitMs } from '../../lib/models/hub/http';
import { hubSettings } from '../../lib/models/settings';

test('a redirect never leaves TLS, nor the web', () => {
  const from = new URL('https://hub.example/a/b');
  assert.is(nextUrl(from, '/c').href, 'https://hub.example/c');
  assert.is(nextUrl(from, 'https://store.example/x').host, 'store.example');
  assert.throws(() => nextUrl(from, 'http://hub.example/a'), /without TLS: refused/);
  const open = new URL('http://hub.example/');
  assert.is(nextUrl(open, 'http://other.example/').host, 'other.example');
  assert.is(nextUrl(open, 'https://other.example/').protocol, 'https:');
  for (const location of [undefined, ['/a', '/b'], 'file:///etc/passwd', 'http://['])
    assert.throws(() => nextUrl(from, location), /redirects to nowhere/);
});

test('waits double, follow Retry-After in seconds and as a date, and end at a minute', () => {
  const rule = { tries: 5, firstWaitMs: 100 };
  const within = (ms: number, low: number, high: number): void =>
    assert.ok(ms >= low && ms <= high, `${ms} is from ${low} to ${high}`);
  within(waitMs(rule, 1, undefined), 100, 150);
  within(waitMs(rule, 4, undefined), 800, 1200);
  within(waitMs(rule, 1, '7'), 7000, 7000);
  within(waitMs(rule, 1, new Date(Date.now() + 20_000).toUTCString()), 18_000, 20_000);
  within(waitMs(rule, 1, '3600'), 60_000, 60_000);
  within(waitMs(rule, 30, undefined), 60_000, 60_000);
  for (const nonsense of ['-5', 'soon', '', 'Mon, 01 Jan 1990 00:00:00 GMT'])
    within(waitMs(rule, 1, nonsense), 100, 150);
});

test('the token goes over TLS, or to this machine and no namesake of it', async () => {
  const mayCarry = async (endpoint: string): Promise<boolean> => {
    const http = new HubHttp(hubSettings({ HF_ENDPOINT: endpoint }));
    await http.close();
    return http.mayCarryToken;
  };
  for (const own of [
    'https://hub.example',
    'http://localhost:1',
    'http://127.0.0.1:1',
    'http://[::1]',
  ])
    assert.ok(await mayCarry(own), own);
  for (const other of [
    'http://hub.example',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://10.0.0.1',
  ])
    assert.not.ok(await mayCarry(other), other);
});

test('trouble of the network is told from trouble of disks and our own errors', () => {
  const withCode = (code: string): Error => Object.assign(new Error('x'), { code });
  for (const code of ['ECONNRESET', 'ENOTFOUND', 'UND_ERR_SOCKET', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    assert.ok(isNetworkTrouble(withCode(code)), code);
  for (const code of ['ERR_IO', 'ERR_INVALID_ARG_TYPE', 'UND_ERR_INVALID_ARG'])
    assert.not.ok(isNetworkTrouble(withCode(code)), code);
  assert.not.ok(isNetworkTrouble(new Error('x')));
  const codeOf = (cause: unknown): unknown => (diskError('/x', cause) as { code: unknown }).code;
  assert.equal(
    ['ENOSPC', 'EDQUOT', 'EACCES'].map((code) => codeOf(withCode(code))),
    ['ERR_DISK_FULL', 'ERR_DISK_FULL', 'ERR_IO'],
  );
  const ours = makeError('ERR_ABORTED', 'x');
  assert.is(diskError('/x', ours), ours);
});

test.run();
