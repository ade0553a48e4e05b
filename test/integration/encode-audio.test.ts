/** The audio encoder against numpy: normalisation, mean, lengths, and sounds that are none. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openAudioEncoder, type AudioEncoder } from '../../lib/encode';
import { statesBehind } from '../../lib/models/onnx/onnx-tap';
import { prepareWave, receptiveField } from '../../lib/encode/preprocess/waveform';
import { codeOf, errorOf } from '../helpers/errors';
import {
  assertSameRows,
  assertUnitRow,
  copyModel,
  DIM,
  editJson,
  formulaSound,
  WAV2VEC2,
  wav2vec2,
} from '../helpers/tiny-models';

async function withEncoder(
  body: (encoder: AudioEncoder) => Promise<void>,
  folder = WAV2VEC2,
): Promise<void> {
  const encoder = await openAudioEncoder(folder, { workers: 2 });
  try {
    await body(encoder);
  } finally {
    await encoder.close();
  }
}

const sounds = wav2vec2.sounds.map(({ seed, samples }) => formulaSound(seed, samples));

test('sounds of mixed lengths have the vectors that numpy computed, alone and together', async () => {
  await withEncoder(async (encoder) => {
    assert.is(encoder.dim, DIM);
    assert.is(encoder.sampleRate, 16_000);
    assert.is(encoder.maxSeconds, 90);
    assert.is(encoder.modality, 'audio');
    const together = await encoder.encode(sounds);
    for (const [i, sound] of sounds.entries()) {
      const vector = wav2vec2.sounds[i]?.vector ?? [];
      const alone = await encoder.encode([sound]);
      assertUnitRow(alone, 0, vector, `${sound.length} samples`);
      assertUnitRow(together, i, vector, `${sound.length} samples`);
      assertSameRows(alone, together.subarray(i * DIM, (i + 1) * DIM));
    }
  });
});

test('loudness and offset do not matter: zero mean, unit variance', async () => {
  const sound = formulaSound(2, 160);
  const wave = prepareWave(sound, {
    sampleRate: 16_000,
    maxSamples: 100,
    minSamples: 1,
    normalize: true,
  });
  assert.is(wave.length, 100);
  const mean = wave.reduce((sum, value) => sum + value, 0) / 100;
  const variance = wave.reduce((sum, value) => sum + value * value, 0) / 100 - mean * mean;
  assert.ok(Math.abs(mean) < 1e-6);
  assert.ok(Math.abs(variance - 1) < 1e-5);
  assert.is(sound[0], formulaSound(2, 1)[0], 'the samples of the caller stay as they are');
  await withEncoder(async (encoder) => {
    const quiet = sound.map((value) => value * 0.01 + 0.3);
    const rows = await encoder.encode([quiet]);
    wav2vec2.sounds[2]?.vector.forEach((value, i) =>
      assert.ok(Math.abs(value - (rows[i] as number)) < 1e-2),
    );
  });
});

test('silence is a sound: a defined unit vector', async () => {
  await withEncoder(async (encoder) => {
    const { samples, vector } = wav2vec2.silence;
    assertUnitRow(await encoder.encode([new Float32Array(samples)]), 0, vector, 'silence');
  });
});

test('what is behind 90 seconds does not count', async () => {
  await withEncoder(async (encoder) => {
    const most = 90 * encoder.sampleRate;
    const long = new Float32Array(most + 5000).map((_, i) => Math.sin(i / 9));
    const cut = await encoder.encode([long.subarray(0, most)]);
    assertSameRows(await encoder.encode([long]), cut);
    const other = long.slice().fill(0.9, most);
    assertSameRows(await encoder.encode([other]), cut);
    const inside = long.slice().fill(0.9, most - 60_000);
    const changed = await encoder.encode([inside]);
    assert.ok(changed.some((value, i) => Math.abs(value - (cut[i] as number)) > 1e-4));
  });
});

test('sounds that are too short, not finite or no samples at all fail alone', async () => {
  await withEncoder(async (encoder) => {
    const good = sounds[1] as Float32Array;
    const { minSamples } = wav2vec2;
    const broken = formulaSound(0, 200);
    broken[77] = Number.NaN;
    const loud = formulaSound(0, 200);
    loud[3] = Number.POSITIVE_INFINITY;
    const batch = [new Float32Array(0), good, new Float32Array(minSamples - 1), broken, loud, good];
    const { vectors, errors } = await encoder.encodeEach(batch);
    assert.equal(
      errors.map((error) => error?.code),
      [
        'ERR_MEDIA_UNSUPPORTED',
        undefined,
        'ERR_MEDIA_UNSUPPORTED',
        'ERR_ENCODE',
        'ERR_ENCODE',
        undefined,
      ],
    );
    assert.match(errors[2]?.message ?? '', /has 19 samples \(1\.2 ms\); the model needs 20/);
    assert.match(errors[3]?.message ?? '', /not finite/);
    for (const row of [1, 5]) assertUnitRow(vectors, row, wav2vec2.sounds[1]?.vector ?? []);
    for (const row of [0, 2, 3, 4]) {
      const values = vectors.subarray(row * DIM, (row + 1) * DIM);
      assert.ok(
        values.every((value) => value === 0),
        `row ${row} is zero`,
      );
    }
    assert.is(await codeOf(encoder.encode([[0.1] as unknown as Float32Array])), 'ERR_ARG_TYPE');
    assertUnitRow(await encoder.encode([good]), 0, wav2vec2.sounds[1]?.vector ?? []);
  });
});

test('an export that transcribes gives the vectors of its states', async () => {
  const folder = copyModel(WAV2VEC2);
  const onnx = path.join(folder, 'onnx');
  cpSync(path.join(onnx, 'ctc_model.onnx'), path.join(onnx, 'model.onnx'));
  assert.is(statesBehind(path.join(onnx, 'model.onnx'), 'logits'), 'last_hidden_state');
  await withEncoder(async (encoder) => {
    const rows = await encoder.encode(sounds);
    wav2vec2.sounds.forEach(({ vector }, i) => assertUnitRow(rows, i, vector, `sound ${i}`));
  }, folder);
});

test('an export whose states cannot be told is refused with what to take instead', async () => {
  const folder = copyModel(WAV2VEC2);
  const onnx = path.join(folder, 'onnx');
  cpSync(path.join(onnx, 'odd_model.onnx'), path.join(onnx, 'model.onnx'));
  const error = await errorOf(openAudioEncoder(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /outputs are logits, expected last_hidden_state.*feature-extraction/);
});

test('normalisation can be switched off by the processor, lists of layers are bounded', async () => {
  const folder = copyModel(WAV2VEC2);
  editJson(folder, 'preprocessor_config.json', { do_normalize: false });
  await withEncoder(async (encoder) => {
    const [loud, quiet] = [sounds[3], sounds[3]?.map((value) => value * 0.1)] as Float32Array[];
    const rows = await encoder.encode([loud, quiet] as Float32Array[]);
    const differs = rows
      .subarray(0, DIM)
      .some((value, i) => Math.abs(value - (rows[DIM + i] as number)) > 1e-2);
    assert.ok(differs, 'loudness counts now');
  }, folder);
  editJson(folder, 'config.json', { conv_kernel: Array.from({ length: 17 }, () => 2) });
  assert.is(await codeOf(openAudioEncoder(folder)), 'ERR_MODEL_INVALID');
  assert.is(receptiveField([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2]), 400, '25 ms at 16 kHz');
});

test.run();
