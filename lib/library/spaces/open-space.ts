/** A space that is open: its model and its vectors. Searches hold it, so that it can be replaced under them. */
import type { Catalog, SpaceRecord } from '../../catalog';
import type { ClipModel } from '../../encode';
import { framesLacking, reconcile } from '../../pipeline';
import type { VectorStore } from '../../stores/vectors';
import { LateClip } from './late-clip';
import { openVectors, type LibraryPlace, type LibraryVectors } from './vectors';

export class OpenSpace {
  /** See SearcherParts; for a reader undefined until its first refresh. */
  rowEpoch: number | undefined;
  /** Of a reader: see `framesLacking`. A writer's frames wait as soon as it is open. */
  lacking = 0;
  private uses = 0;
  private whenIdle: (() => void) | undefined;

  private constructor(
    private readonly catalog: Catalog,
    readonly name: string,
    readonly clip: ClipModel,
    private readonly vectors: LibraryVectors,
  ) {}

  /**
   * Takes the model over, and closes it if the vectors cannot be opened. For a writer catalog and vectors
   * agree afterwards.
   *
   * @throws what `openVectors` throws
   */
  static async open(
    catalog: Catalog,
    place: LibraryPlace,
    { name, dim }: SpaceRecord,
    clip: ClipModel,
  ): Promise<OpenSpace> {
    let vectors: LibraryVectors | undefined;
    try {
      vectors = await openVectors(catalog, place, { name, dim, model: clip.identity });
      const space = new OpenSpace(catalog, name, clip, vectors);
      if (place.readOnly) {
        await space.lookForLack();
        return space;
      }
      await reconcile({ catalog, index: vectors.store, space: name });
      space.rowEpoch = space.settledEpoch();
      return space;
    } catch (error) {
      await vectors?.close();
      await clip.close();
      throw error;
    }
  }

  /** False while its model is missing or damaged. */
  get isUsable(): boolean {
    return !(this.clip instanceof LateClip);
  }

  get store(): VectorStore {
    return this.vectors.store;
  }

  /** Row epoch of the catalog; undefined while rows are being renumbered. */
  settledEpoch(): number | undefined {
    const { number, isSettled } = this.catalog.spaces.rowEpoch(this.name);
    return isSettled ? number : undefined;
  }

  /** For a reader: picks up commits of a writer in another process. */
  async refresh(): Promise<void> {
    const before = this.settledEpoch();
    this.rowEpoch = undefined;
    await this.store.refresh(this.catalog.spaces.byName(this.name)?.committedRows);
    await this.lookForLack();
    // A copied index may be of another history than its catalog: their row numbers are not compared.
    const isCopy = this.store.figures().recovered !== undefined;
    if (this.settledEpoch() === before && !isCopy) this.rowEpoch = before;
  }

  private async lookForLack(): Promise<void> {
    this.lacking = await framesLacking({
      catalog: this.catalog,
      index: this.store,
      space: this.name,
    });
  }

  /** `close` waits for the work. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.uses++;
    try {
      return await work();
    } finally {
      this.uses--;
      if (this.uses === 0) this.whenIdle?.();
    }
  }

  /** Drops vectors and graph; every frame waits to be embedded again. */
  async startAfresh(): Promise<void> {
    // Before anything is dropped: without its model the library would lose its vectors.
    await this.clip.image.warm();
    await this.vectors.startAfresh(() => this.catalog.spaces.empty(this.name));
  }

  /** Fails when the vectors' folder was replaced and rows could not be saved. */
  async close(): Promise<void> {
    if (this.uses > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
    try {
      await this.vectors.close();
    } finally {
      await this.clip.close();
    }
  }
}
