/** The video encoder against numpy: which frames, in which layout, and which position. */
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openVideoEncoder, type VideoEncoder } from '../../lib/encode';
import { uniformIndices } from '../../lib/encode/preprocess/clip-frames';
import { codeOf, errorOf } from '../helpers/errors';
import {
  assertSameRows,
  assertUnitRow,
  copyModel,
  DIM,
  editJson,
  formulaClip,
  formulaPicture,
  VIDEOMAE,
  videomae,
} from '../helpers/tiny-models';

async function withEncoder(body: (encoder: VideoEncoder) => Promise<void>): Promise<void> {
  const encoder = await openVideoEncoder(VIDEOMAE, { workers: 2 });
  try {
    await body(encoder);
  } finally {
    await encoder.close();
  }
}

test('frames are spread evenly, ends included; a short clip repeats its last frame', () => {
  assert.equal(uniformIndices(16, 16), [...Array(16).keys()]);
  assert.equal(uniformIndices(1, 4), [0, 0, 0, 0]);
  assert.equal(uniformIndices(3, 5), [0, 1, 2, 2, 2]);
  assert.equal(uniformIndices(9, 5), [0, 2, 4, 6, 8]);
  assert.equal(uniformIndices(7, 1), [0]);
  for (let count = 1; count < 400; count++) {
    const indices = uniformIndices(count, 16);
    assert.is(indices.length, 16);
    assert.is(indices[0], 0);
    assert.is(indices[15], count - 1);
    for (let i = 1; i < 16; i++) {
      const step = (indices[i] as number) - (indices[i - 1] as number);
      const least = count <= 16 ? 0 : Math.floor((count - 1) / 15);
      assert.ok(step >= least && step <= Math.ceil((count - 1) / 15), `${count} frames`);
    }
  }
});

test('clips of 1, 5, 16, 17 and 40 frames have the vectors that numpy computed, alone and together', async () => {
  await withEncoder(async (encoder) => {
    assert.is(encoder.dim, DIM);
    assert.is(encoder.frames, 16);
    assert.is(encoder.modality, 'video');
    const clips = await Promise.all(videomae.clips.map((c) => formulaClip(c.seed, c.frames)));
    const together = await encoder.encode(clips);
    for (const [i, clip] of clips.entries()) {
      const vector = videomae.clips[i]?.vector ?? [];
      const alone = await encoder.encode([clip]);
      assertUnitRow(alone, 0, vector, `${clip.length} frames`);
      assertUnitRow(together, i, vector, `${clip.length} frames`);
      assertSameRows(alone, together.subarray(i * DIM, (i + 1) * DIM));
    }
  });
});

test('a clip fails as a whole by an empty list or one bad frame, and costs the others nothing', async () => {
  await withEncoder(async (encoder) => {
    const good = await formulaClip(0, 16);
    const damaged = [
      ...(await formulaClip(1, 3)),
      Buffer.from((await formulaPicture(1)).slice(0, 60)),
    ];
    const { vectors, errors } = await encoder.encodeEach([
      [],
      good,
      damaged,
      [Buffer.from('text')],
    ]);
    assert.equal(
      errors.map((error) => error?.code),
      ['ERR_MEDIA_UNSUPPORTED', undefined, 'ERR_MEDIA_DECODE', 'ERR_MEDIA_UNSUPPORTED'],
    );
    assert.match(errors[0]?.message ?? '', /no frames/);
    assert.match(errors[2]?.message ?? '', /^frame 3: /);
    assertUnitRow(vectors, 1, videomae.clips[0]?.vector ?? []);
    assert.ok(vectors.subarray(0, DIM).every((value) => value === 0));
    assert.ok(vectors.subarray(2 * DIM).every((value) => value === 0));
    assert.is(await codeOf(encoder.encode([good, []])), 'ERR_MEDIA_UNSUPPORTED');
    for (const wrong of ['x', [7], [good, 'x'], new Uint8Array(3)]) {
      const call = encoder.encode([wrong as unknown as Uint8Array[]]);
      assert.is(await codeOf(call), 'ERR_ARG_TYPE', JSON.stringify(wrong).slice(0, 40));
    }
    assertUnitRow(await encoder.encode([good]), 0, videomae.clips[0]?.vector ?? []);
  });
});

test('a model of other frames or another size than its graph is refused when opened', async () => {
  const clip = copyModel(VIDEOMAE);
  editJson(clip, 'config.json', { model_type: 'vit' });
  assert.match((await errorOf(openVideoEncoder(clip))).message, /expected "videomae"/);
  const size = copyModel(VIDEOMAE);
  editJson(size, 'config.json', { image_size: 32 });
  assert.match(
    (await errorOf(openVideoEncoder(size))).message,
    /pictures of 16x16, the model wants 32x32/,
  );
  const missing = await errorOf(openVideoEncoder(path.join(VIDEOMAE, 'onnx')));
  assert.is(missing.code, 'ERR_MODEL_MISSING');
});

test('a graph that wants another number of frames is a typed error, not a crash', async () => {
  // Frames are a free size of this graph, so only running it shows that 9 do not fit.
  const folder = copyModel(VIDEOMAE);
  editJson(folder, 'config.json', { num_frames: 9 });
  const encoder = await openVideoEncoder(folder);
  const error = await errorOf(encoder.encode([await formulaClip(0, 9)]));
  assert.is(error.code, 'ERR_ENCODE');
  await encoder.close();
});

test.run();
