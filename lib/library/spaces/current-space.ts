/**
 * The space that answers the searches of an open library. It changes with the library's model: for the
 * process that changed it at once, for readers in other processes when they look again.
 */
import path from 'node:path';
import type { Catalog } from '../../catalog';
import { METADATA_FILE } from '../../base/files/names';
import type { EmbeddingService } from '../../service';
import { OpenSpace } from './open-space';
import { openModelOf } from './space-model';
import type { LibraryPlace } from './vectors';

/** Shortest interval between two checks for new commits by a reader. */
const REFRESH_MS = 1000;

export class CurrentSpace {
  private lastLook: number;
  /** Of the catalog, at the last look; see `Catalog.foreignVersion`. */
  private seenVersion: number;
  private following: Promise<void> | undefined;
  private isClosed = false;

  /**
   * @param current  owned by this object
   * @param embeddings  follow the model
   * @param onChange  called when another process has written
   */
  constructor(
    private readonly place: LibraryPlace,
    private readonly catalog: Catalog,
    private current: OpenSpace,
    private readonly embeddings: EmbeddingService,
    private readonly onChange: () => void,
  ) {
    this.seenVersion = catalog.foreignVersion();
    this.lastLook = place.readOnly ? -Infinity : performance.now();
  }

  get space(): OpenSpace {
    return this.current;
  }

  /** Runs a search; again if another process dropped the space during it. */
  async answer<T>(work: (space: OpenSpace) => Promise<T>): Promise<T> {
    await this.refresh();
    const space = this.current;
    try {
      const result = await space.use(() => work(space));
      if (!this.isGone(space)) return result;
    } catch (error) {
      if (!this.isGone(space)) throw error;
    }
    await this.refresh(true);
    const next = this.current;
    return next.use(() => work(next));
  }

  /** A writer's own space is dropped by nobody else. */
  private isGone({ name }: OpenSpace): boolean {
    return this.place.readOnly && !this.isClosed && this.catalog.spaces.byName(name) === undefined;
  }

  /** A reader picks up commits of a writer in another process; a failed check is repeated. */
  async refresh(isForced = false): Promise<void> {
    const isRecent = performance.now() - this.lastLook < REFRESH_MS;
    if (!this.place.readOnly || (isRecent && !isForced)) return;
    this.following ??= this.follow().finally(() => (this.following = undefined));
    await this.following;
    await this.current.refresh();
    const version = this.catalog.foreignVersion();
    if (version !== this.seenVersion) this.onChange();
    this.seenVersion = version;
    this.lastLook = performance.now();
  }

  /** A reader takes over a change of the model. */
  private async follow(): Promise<void> {
    const { catalog, place, current } = this;
    const active = catalog.spaces.inState('active');
    if (active === undefined || active.name === current.name) return;
    try {
      const clip = await openModelOf(catalog, place, active);
      await this.moveTo(await OpenSpace.open(catalog, place, active, clip));
    } catch (error) {
      // The vectors of before still answer, and the next search tries again.
      if (this.isGone(current)) throw error;
    }
  }

  /** Makes the space the active one of the library: the commit of a change of the model. */
  async adopt(next: OpenSpace): Promise<void> {
    await next.store.save();
    this.catalog.spaces.activate(next.name);
    await this.moveTo(next);
    await this.catalog.exportMetadata(path.join(this.place.dir, METADATA_FILE), next.name);
  }

  private async moveTo(next: OpenSpace): Promise<void> {
    const { current: former, embeddings } = this;
    this.current = next;
    const { image, text: instruction } = next.clip;
    // Texts may have a model of their own.
    const isOurs = embeddings.models.instruction.sha256 === former.clip.identity.sha256;
    await embeddings.useEncoders(isOurs ? { image, instruction } : { image });
    await former.close();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.following?.catch(() => undefined);
    await this.current.close();
  }
}
