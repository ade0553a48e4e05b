/** Arrays whose memory is gone, wherever a caller gives some, and room for results. */
import vm from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPresent } from '../../lib/base/arrays';
import { isLibraryError } from '../../lib/base/errors';
import { checkPixels } from '../../lib/media';
import { native } from '../../lib/native';
import { resolveQuery, type QuerySources } from '../../lib/search/query-vector';
import { checkVectors } from '../../lib/stores/vectors/checks';
import { room } from '../../lib/vectors/room';

function detached<T extends NodeJS.TypedArray>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'taken';
  } catch (error) {
    return isLibraryError(error) && error.message.includes('detached') ? error.code : String(error);
  }
}

test('gone memory is refused, an empty array is not', async () => {
  assert.is(checkPresent('x', new Float32Array(0)).length, 0);
  assert.is(await refusal(() => checkPresent('x', detached(new Uint8Array(3)))), 'ERR_ARG_TYPE');
  const cut = vm.runInNewContext(`
    const buffer = new ArrayBuffer(16, { maxByteLength: 16 });
    const array = new Float32Array(buffer, 8, 2);
    buffer.resize(4);
    array`) as Float32Array;
  assert.is(await refusal(() => checkPresent('x', cut)), 'ERR_ARG_TYPE');
});

test('stores, queries of a library and raw pixels refuse it', async () => {
  const shape = { n: 0, dim: 4, metric: 'cosine' } as const;
  assert.is(checkVectors('vectors', new Float32Array(0), shape).length, 0);
  assert.is(
    await refusal(() => checkVectors('vectors', detached(new Float32Array(4)), shape)),
    'ERR_ARG_TYPE',
  );
  const sources = { index: { dim: 4 } } as unknown as QuerySources;
  assert.is(
    await refusal(() => resolveQuery({ vector: detached(new Float32Array(4)) }, sources)),
    'ERR_ARG_TYPE',
  );
  const data = detached(new Uint8Array(12));
  assert.is(await refusal(() => checkPixels({ data, width: 2, height: 2 })), 'ERR_ARG_TYPE');
});

test('the system is asked before a large array is made', async () => {
  assert.ok(native().hasRoom(1 << 20));
  assert.not.ok(native().hasRoom(2 ** 50));
  assert.is(room(Float64Array, 100_000).length, 100_000);
  try {
    room(Float64Array, 2 ** 47);
    assert.unreachable();
  } catch (error) {
    assert.is(isLibraryError(error) && error.code, 'ERR_NO_MEMORY');
  }
});

test.run();
