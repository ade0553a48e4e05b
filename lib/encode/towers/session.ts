/**
 * One tower in the ONNX runtime: loads it, checks its inputs and outputs, runs batches, pools. Loaded only
 * in worker threads, because `run` blocks its thread.
 */
import { types } from 'node:util';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { makeError, messageOf } from '../../base/errors';
import type { TensorInfo } from '../../models/onnx/onnx-signature';
import { withOutput } from '../../models/onnx/onnx-tap';
import { poolStates } from './pooling';
import { createSession, type ProvidedSession } from './providers';
import { Tensor as NewTensor } from './runtime';
import type { WorkerSetup } from '../task';
import { fitTower, type TowerIo, type TowerWant } from '../tower-io';

type Feeds = Record<string, Tensor>;

const STATES = 'last_hidden_state';

export class TowerSession {
  private spentMs = 0;

  private constructor(
    private readonly session: InferenceSession,
    /** The device in use, and why not the requested one. */
    readonly provided: Pick<ProvidedSession, 'device' | 'notice'>,
    readonly io: TowerIo,
    private readonly setup: WorkerSetup,
  ) {}

  /**
   * @throws ERR_MODEL_INVALID when the runtime refuses the file or its inputs and outputs do not fit a
   * tower
   */
  static async load(setup: WorkerSetup): Promise<TowerSession> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: setup.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // Failures become typed errors; printed lines would repeat them.
      logSeverityLevel: 4,
      // Spinning threads would take cores from the decoders and the other workers.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const { file, tap, device = 'cpu' } = setup;
    const made = createSession(tap === undefined ? file : withOutput(file, tap), options, device);
    const provided = await made.catch((cause: unknown) => {
      throw makeError(
        'ERR_MODEL_INVALID',
        `${setup.file}: the runtime refuses it: ${messageOf(cause)}`,
        { details: { file: setup.file }, cause },
      );
    });
    const { session } = provided;
    try {
      const inputs = session.inputMetadata.map(infoOf);
      const outputs = session.outputMetadata.map(infoOf).map((info) => {
        return info.name === tap ? { ...info, name: STATES } : info;
      });
      const io = fitTower({ inputs, outputs }, wantOf(setup));
      return new TowerSession(session, provided, io, setup);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  release(): Promise<void> {
    return this.session.release();
  }

  /** Milliseconds in the runtime since the last call. */
  takeSpentMs(): number {
    const spent = this.spentMs;
    this.spentMs = 0;
    return spent;
  }

  get fixedLength(): number | undefined {
    return this.io.fixedLength;
  }

  /**
   * Embeddings of pictures or clips.
   *
   * @param pixels shape [count, 3, size, size], or with frames [count, frames, 3, size, size]
   * @returns shape [count, dim], raw
   */
  runImages(pixels: Float32Array, count: number, size: number): Promise<Float32Array> {
    const each = pixels.length === 0 ? 0 : this.valuesPerItem(size);
    const shape = this.setup.modality === 'video' ? [this.setup.frames, 3] : [3];
    return this.inBatches(count, (from, n) => {
      const values = pixels.subarray(from * each, (from + n) * each);
      return {
        feeds: { pixel_values: new NewTensor('float32', values, [n, ...shape, size, size]) },
      };
    });
  }

  /** Shape [count, dim], raw; ids and mask have shape [count, length]. */
  runTexts(
    ids: BigInt64Array,
    mask: BigInt64Array,
    count: number,
    length: number,
  ): Promise<Float32Array> {
    return this.inBatches(count, (from, n) => {
      const cut = (all: BigInt64Array): BigInt64Array =>
        all.subarray(from * length, (from + n) * length);
      const feeds: Feeds = { input_ids: whole(this.io.main, cut(ids), [n, length]) };
      for (const input of this.io.others) {
        // Segment numbers: a single text is segment 0.
        const values = input.name === 'attention_mask' ? cut(mask) : new BigInt64Array(n * length);
        feeds[input.name] = whole(input, values, [n, length]);
      }
      return { feeds, mask: cut(mask) };
    });
  }

  /**
   * The embedding of one sound. One at a time, never padded: a model without attention mask (wav2vec2-base)
   * gives other values for padded input.
   *
   * @returns shape [dim], raw
   */
  runWave(samples: Float32Array): Promise<Float32Array> {
    return this.inBatches(1, () => {
      const shape = [1, samples.length];
      const feeds: Feeds = { [this.io.main.name]: new NewTensor('float32', samples, shape) };
      for (const input of this.io.others) {
        feeds[input.name] = whole(input, new BigInt64Array(samples.length).fill(1n), shape);
      }
      return { feeds };
    });
  }

  private valuesPerItem(size: number): number {
    return (this.setup.modality === 'video' ? this.setup.frames : 1) * 3 * size * size;
  }

  private async inBatches(
    count: number,
    inputOf: (from: number, n: number) => { feeds: Feeds; mask?: BigInt64Array },
  ): Promise<Float32Array> {
    const { output, pooling, dim, fixedBatch, dummies } = this.io;
    const wanted = output === STATES ? (this.setup.tap ?? output) : output;
    const step = fixedBatch ?? count;
    const out = new Float32Array(count * dim);
    for (let from = 0; from < count; from += step) {
      const { feeds, mask } = inputOf(from, step);
      for (const input of dummies) feeds[input.name] = this.emptyItem(input);
      const started = performance.now();
      const results = await this.session.run(feeds, [wanted]);
      this.spentMs += performance.now() - started;
      const result = results[wanted];
      const data = result?.data;
      if (result === undefined || !types.isFloat32Array(data) || !this.isShape(result, step)) {
        throw makeError(
          'ERR_MODEL_INVALID',
          `${this.setup.file}: ${output} is [${String(result?.dims)}] for ${step} inputs, expected a length of ${dim}`,
        );
      }
      poolStates(data, { rows: step, dim, pooling }, mask, out, from * dim);
      // Released now, not by the garbage collector: memory must not grow over a long run.
      for (const tensor of [...Object.values(feeds), result]) tensor.dispose();
    }
    return out;
  }

  private isShape({ dims }: Tensor, rows: number): boolean {
    const rank = this.io.pooling === 'none' ? 2 : 3;
    const positions = rank === 2 ? 1 : (dims[1] ?? 0);
    return (
      dims.length === rank && dims[0] === rows && dims[rank - 1] === this.io.dim && positions > 0
    );
  }

  /** Input for the unused tower: a black picture, or a text of one token. */
  private emptyItem(input: TensorInfo): Tensor {
    const shape = (input.shape ?? []).map((size, i) => {
      if (typeof size === 'number') return size;
      const { pictureSize = 224 } = this.setup;
      return input.name === 'pixel_values' ? ([1, 3, pictureSize, pictureSize][i] ?? 1) : 1;
    });
    const values = shape.reduce((product, size) => product * size, 1);
    return input.name === 'pixel_values'
      ? new NewTensor('float32', new Float32Array(values), shape)
      : whole(input, new BigInt64Array(values).fill(1n), shape);
  }
}

/** Whole numbers in the graph's integer type. */
function whole(input: TensorInfo, values: BigInt64Array, shape: readonly number[]): Tensor {
  return input.type === 'int32'
    ? new NewTensor('int32', Int32Array.from(values, Number), shape)
    : new NewTensor('int64', values, shape);
}

function infoOf(item: InferenceSession.ValueMetadata): TensorInfo {
  return item.isTensor
    ? { name: item.name, type: item.type, shape: item.shape }
    : { name: item.name, type: 'no tensor', shape: undefined };
}

function wantOf(setup: WorkerSetup): TowerWant {
  const { modality, family, file, dim, pooling } = setup;
  const want = { modality, family, file, dim, pooling };
  switch (setup.modality) {
    case 'image':
      return { ...want, size: setup.preprocess.size };
    case 'video':
      return { ...want, size: setup.preprocess.size, frames: setup.frames };
    case 'text':
      return { ...want, maxTokens: setup.text.maxTokens };
    case 'audio':
      return want;
  }
}
