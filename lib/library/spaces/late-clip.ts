/**
 * Placeholder for a model that could not be opened: serves its recorded metadata, and every call tries to
 * open it.
 */
import { BATCH_BUCKETS } from '../../encode';
import type { ClipModel, EachResult, EncoderStats, ItemEncoder } from '../../encode';
import type { ModelIdentity } from '../../base/types';

const NOTHING_DONE: Omit<EncoderStats, 'modality'> = {
  requestedDevice: 'cpu',
  device: 'cpu',
  isLoaded: false,
  workers: 0,
  threadsPerWorker: 0,
  calls: 0,
  maxCalls: 0,
  queuedItems: 0,
  runningItems: 0,
  batches: 0,
  items: 0,
  batchSizes: Array.from({ length: BATCH_BUCKETS.length + 1 }, () => 0),
  errors: 0,
  refused: 0,
  lostWorkers: 0,
  timeouts: 0,
  loads: 0,
  unloads: 0,
  inferenceMs: 0,
};

export class LateClip implements ClipModel {
  readonly image: ItemEncoder<Uint8Array>;
  readonly text: ItemEncoder<string>;
  /** Defaults of this model family; unused until there are vectors. */
  readonly logitScale = 100;
  private opened: ClipModel | undefined;
  private opening: Promise<ClipModel> | undefined;

  /** @param open called by each call that needs the model, until it succeeds */
  constructor(
    readonly identity: ModelIdentity,
    readonly dim: number,
    readonly isBuiltin: boolean,
    private readonly open: () => Promise<ClipModel>,
  ) {
    this.image = this.tower('image');
    this.text = this.tower('text');
  }

  async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.opened?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One attempt at a time; a failed one is not reused by the next call. */
  private real(): Promise<ClipModel> {
    this.opening ??= this.open().then(
      (clip) => (this.opened = clip),
      (error: unknown) => {
        this.opening = undefined;
        throw error;
      },
    );
    return this.opening;
  }

  private tower(modality: 'image'): ItemEncoder<Uint8Array>;
  private tower(modality: 'text'): ItemEncoder<string>;
  private tower(modality: 'image' | 'text'): ItemEncoder<never> {
    const { dim, identity } = this;
    const late = async (): Promise<ItemEncoder<never>> => (await this.real())[modality];
    return {
      modality,
      dim,
      model: identity,
      encode: async (batch, options): Promise<Float32Array> =>
        (await late()).encode(batch, options),
      encodeEach: async (batch, options): Promise<EachResult> =>
        (await late()).encodeEach(batch, options),
      warm: async (): Promise<void> => (await late()).warm(),
      stats: (): EncoderStats => this.opened?.[modality].stats() ?? { ...NOTHING_DONE, modality },
      close: async (): Promise<void> => this.opened?.[modality].close(),
    };
  }
}
