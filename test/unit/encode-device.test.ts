/** Which device a model runs on: who decides, what is tried, and what is said when it cannot be used. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fallbackNotice, parseDevice, providersToTry } from '../../lib/encode/device';
import { noticesOf, towerSettings } from '../../lib/encode/settings';
import { codeOf } from '../helpers/errors';

test('the option beats SIGHTLINE_DEVICE, which beats CLIP_DEVICE, which beats EMBEDDING_DEVICE', async () => {
  const deviceOf = (env: NodeJS.ProcessEnv, device?: string): string =>
    towerSettings('image', 1, { env, ...(device === undefined ? {} : { device }) }).device;
  const all = { SIGHTLINE_DEVICE: 'webgpu', CLIP_DEVICE: 'cuda', EMBEDDING_DEVICE: 'auto' };
  assert.is(deviceOf(all, 'dml'), 'dml');
  assert.is(deviceOf(all), 'webgpu');
  assert.is(deviceOf({ ...all, SIGHTLINE_DEVICE: '' }), 'cuda');
  assert.is(deviceOf({ EMBEDDING_DEVICE: 'auto', CLIP_DEVICE: 'null' }), 'auto');
  assert.is(deviceOf({}), 'cpu');
  assert.is(await codeOf(() => deviceOf({ CLIP_DEVICE: 'mps' })), 'ERR_ARG_RANGE');
  assert.throws(() => parseDevice('gpu', '--device'), /--device must be one of auto, cpu, cuda/);
});

test('only what the runtime names is tried, and auto never takes a software graphics driver', () => {
  assert.equal(providersToTry('cpu', ['cpu', 'cuda']), []);
  assert.equal(providersToTry('cuda', ['cpu', 'webgpu', 'cuda']), ['cuda']);
  assert.equal(providersToTry('coreml', ['cpu', 'webgpu', 'cuda']), []);
  assert.equal(providersToTry('auto', ['cpu', 'webgpu', 'dml', 'cuda']), ['cuda', 'dml']);
});

test('the notice is one line with the reason, and is passed on once', () => {
  const long = fallbackNotice('cuda', ['cpu'], `no library\nand a stack ${'x'.repeat(500)}`);
  assert.is(long, 'device cuda cannot be used, the models run on the CPU: no library');
  assert.match(fallbackNotice('dml', ['cpu', 'webgpu']), /this machine has cpu, webgpu$/);
  const lines: string[] = [];
  const notice = noticesOf({ onNotice: (line) => lines.push(line) });
  for (const line of ['a', 'a', 'b', 'a']) notice(line);
  assert.equal(lines, ['a', 'b']);
});

test.run();
