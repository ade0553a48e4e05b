/**
 * One tower in the ONNX runtime: loads it, finds its inputs and outputs by name and shape, runs
 * batches. Loaded inside worker threads only, because `run` blocks the thread it is called on.
 */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { makeError, messageOf } from '../errors';
import { createSession, type ProvidedSession } from './providers';
import type { WorkerSetup } from './task';

type Shape = readonly (number | string)[];

export class TowerSession {
  private spentMs = 0;

  private constructor(
    private readonly session: InferenceSession,
    /** Where it runs, and why not where it was asked to. */
    readonly provided: Pick<ProvidedSession, 'device' | 'notice'>,
    private readonly output: string,
    private readonly dim: number,
    /** Batch size that the graph insists on, if any. */
    private readonly fixedBatch: number | undefined,
    /** Text length that the graph insists on, if any. */
    readonly fixedLength: number | undefined,
    private readonly wantsMask: boolean,
  ) {}

  /** @throws ERR_MODEL_INVALID when the runtime refuses the file or its shape is not that of a tower */
  static async load(setup: WorkerSetup): Promise<TowerSession> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: setup.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      // Spinning threads would take the cores from the decoders and from the other workers.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const made = createSession(setup.file, options, setup.device ?? 'cpu');
    const provided = await made.catch((cause: unknown) => {
      throw invalid(setup, `the runtime refuses it: ${messageOf(cause)}`, cause);
    });
    try {
      return TowerSession.fit(provided, setup);
    } catch (error) {
      await provided.session.release();
      throw error;
    }
  }

  private static fit(provided: ProvidedSession, setup: WorkerSetup): TowerSession {
    const { session } = provided;
    const main = setup.modality === 'image' ? 'pixel_values' : 'input_ids';
    const known = setup.modality === 'image' ? [main] : [main, 'attention_mask'];
    const strange = session.inputNames.filter((name) => !known.includes(name));
    const shape = shapeOf(session.inputMetadata, main);
    if (shape === undefined || strange.length > 0) {
      throw invalid(setup, `inputs are ${session.inputNames.join(', ')}, expected ${main}`);
    }
    const { size } = setup.preprocess;
    const expected: Shape = setup.modality === 'image' ? ['n', 3, size, size] : ['n', 'length'];
    if (!fits(shape, expected)) {
      throw invalid(setup, `${main} is [${shape.join(', ')}], expected [${expected.join(', ')}]`);
    }
    const fixedBatch = typeof shape[0] === 'number' ? shape[0] : undefined;
    const fixedLength =
      setup.modality === 'text' && typeof shape[1] === 'number' ? shape[1] : undefined;
    if ((fixedLength ?? setup.maxTokens) < setup.maxTokens || (fixedBatch ?? 1) !== 1) {
      throw invalid(setup, `${main} is [${shape.join(', ')}], which cannot hold any text or batch`);
    }
    return new TowerSession(
      session,
      provided,
      outputName(session, setup),
      setup.dim,
      fixedBatch,
      fixedLength,
      session.inputNames.includes('attention_mask'),
    );
  }

  /** Milliseconds in the runtime since this was last asked. */
  takeSpentMs(): number {
    const spent = this.spentMs;
    this.spentMs = 0;
    return spent;
  }

  /** Shape [count, dim], raw; `pixels` has shape [count, 3, size, size]. */
  runImages(pixels: Float32Array, count: number, size: number): Promise<Float32Array> {
    const each = 3 * size * size;
    return this.inBatches(count, (from, n) => ({
      pixel_values: new Tensor('float32', pixels.subarray(from * each, (from + n) * each), [
        n,
        3,
        size,
        size,
      ]),
    }));
  }

  /** Shape [count, dim], raw; ids and mask have shape [count, length]. */
  runTexts(
    ids: BigInt64Array,
    mask: BigInt64Array,
    count: number,
    length: number,
  ): Promise<Float32Array> {
    return this.inBatches(count, (from, n) => {
      const cut = (all: BigInt64Array): Tensor =>
        new Tensor('int64', all.subarray(from * length, (from + n) * length), [n, length]);
      const inputs: Record<string, Tensor> = { input_ids: cut(ids) };
      if (this.wantsMask) inputs['attention_mask'] = cut(mask);
      return inputs;
    });
  }

  private async inBatches(
    count: number,
    feeds: (from: number, n: number) => Record<string, Tensor>,
  ): Promise<Float32Array> {
    const step = this.fixedBatch ?? count;
    const out = new Float32Array(count * this.dim);
    for (let from = 0; from < count; from += step) {
      const inputs = feeds(from, step);
      const started = performance.now();
      const results = await this.session.run(inputs, [this.output]);
      this.spentMs += performance.now() - started;
      const result = results[this.output];
      const data = result?.data;
      if (!(data instanceof Float32Array) || data.length !== step * this.dim) {
        throw makeError(
          'ERR_MODEL_INVALID',
          `${this.output} has ${String(data?.length)} values for ${step} inputs, expected ${step * this.dim}`,
        );
      }
      out.set(data, from * this.dim);
      // Released now, not when the collector comes: a long run must not grow.
      for (const tensor of [...Object.values(inputs), result]) tensor?.dispose();
    }
    return out;
  }
}

function shapeOf(
  metadata: readonly InferenceSession.ValueMetadata[],
  name: string,
): Shape | undefined {
  const found = metadata.find((item) => item.name === name);
  return found?.isTensor === true ? found.shape : undefined;
}

function fits(shape: Shape, expected: Shape): boolean {
  return (
    shape.length === expected.length &&
    shape.every((dim, i) => {
      const wanted = expected[i];
      return typeof dim !== 'number' || typeof wanted !== 'number' || dim === wanted;
    })
  );
}

/** The projected embedding; exports that also return hidden states name it as below. */
function outputName(session: InferenceSession, setup: WorkerSetup): string {
  const usual = setup.modality === 'image' ? 'image_embeds' : 'text_embeds';
  const candidates = session.outputNames.includes(usual) ? [usual] : session.outputNames;
  const name = candidates.length === 1 ? candidates[0] : undefined;
  const shape = name === undefined ? undefined : shapeOf(session.outputMetadata, name);
  if (name !== undefined && shape !== undefined && fits(shape, ['n', setup.dim])) return name;
  throw invalid(
    setup,
    `outputs are ${session.outputNames.join(', ')}, expected ${usual} of shape [n, ${setup.dim}]` +
      (shape === undefined ? '' : `, received [${shape.join(', ')}]`),
  );
}

function invalid(setup: WorkerSetup, why: string, cause?: unknown): Error {
  return makeError('ERR_MODEL_INVALID', `${setup.file}: ${why}`, {
    details: { file: setup.file },
    cause,
  });
}
