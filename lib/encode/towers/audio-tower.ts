/** Runs an audio model on mono samples, one sound at a time. Loaded only in workers. */
import { makeError } from '../../base/errors';
import { TowerSession } from './session';
import type { WorkerSetup } from '../task';
import { fail, type Tower } from './tower';
import { prepareWave } from '../preprocess/waveform';

export async function loadAudioTower(setup: WorkerSetup & { modality: 'audio' }): Promise<Tower> {
  const session = await TowerSession.load(setup);
  const { wave: rule, dim } = setup;
  return {
    session,
    embed: async ({ waves }, errors) => {
      if (waves === undefined) return { vectors: new Float32Array(0) };
      const { bytes, offsets } = waves;
      const all = new Float32Array(bytes);
      const vectors = new Float32Array((offsets.length - 1) * dim);
      for (let i = 0; i + 1 < offsets.length; i++) {
        const samples = all.subarray(offsets[i], offsets[i + 1]);
        if (samples.length < rule.minSamples) {
          fail(errors, i, tooShort(samples.length, rule));
          continue;
        }
        try {
          vectors.set(await session.runWave(prepareWave(samples, rule)), i * dim);
        } catch (error) {
          fail(errors, i, error);
        }
      }
      return { vectors };
    },
  };
}

function tooShort(samples: number, rule: { minSamples: number; sampleRate: number }): Error {
  const { minSamples, sampleRate } = rule;
  const ms = (count: number): string => `${((count / sampleRate) * 1000).toFixed(1)} ms`;
  return makeError(
    'ERR_MEDIA_UNSUPPORTED',
    `the sound has ${samples} samples (${ms(samples)}); the model needs ${minSamples} (${ms(minSamples)})`,
    { details: { samples, minSamples, sampleRate } },
  );
}
