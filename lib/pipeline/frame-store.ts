/**
 * The frames folder: one normalized JPEG per frame, named by its id. Files are written before the catalog
 * names them, so a file without an entry is a leftover and gets overwritten; `verify` finds an entry
 * without a file.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { framePath, type Home } from '../catalog';
import type { FrameId } from '../base/types';

export class FrameStore {
  private readonly madeFolders = new Set<string>();

  /**
   * @param dir  the library's folder; `framePath` gives the paths inside it
   * @param home  asserts before each write that the folder is still the one that was opened
   */
  constructor(
    private readonly dir: string,
    private readonly home?: Home,
  ) {}

  /** Absolute path of a frame's JPEG. */
  fileOf(frameId: FrameId): string {
    return path.join(this.dir, framePath(frameId));
  }

  /** Writes and flushes one frame; the caller commits to the catalog afterwards. */
  async write(frameId: FrameId, jpeg: Uint8Array): Promise<void> {
    await this.flush(await this.pathFor(frameId), jpeg);
  }

  /**
   * The same for a frame that may be read during the write: its old picture stays until the new one is
   * complete.
   */
  async replace(frameId: FrameId, jpeg: Uint8Array): Promise<void> {
    const file = await this.pathFor(frameId);
    const beside = `${file}.tmp`;
    await this.flush(beside, jpeg);
    this.home?.assertOurFrames();
    await rename(beside, file);
  }

  /** @throws ERR_FILE_REPLACED | ERR_FILE_MISSING */
  private async pathFor(frameId: FrameId): Promise<string> {
    this.home?.assertOurFrames();
    const file = this.fileOf(frameId);
    const folder = path.dirname(file);
    if (!this.madeFolders.has(folder)) {
      await mkdir(folder, { recursive: true });
      this.home?.madeFrames();
      this.madeFolders.add(folder);
    }
    return file;
  }

  private async flush(file: string, jpeg: Uint8Array): Promise<void> {
    const handle = await open(file, 'w');
    try {
      await handle.writeFile(jpeg);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async read(frameId: FrameId): Promise<Buffer> {
    this.home?.assertOurFrames();
    return readFile(this.fileOf(frameId));
  }

  async remove(frameIds: readonly FrameId[]): Promise<void> {
    for (const frameId of frameIds) {
      this.home?.assertOurFrames();
      await rm(this.fileOf(frameId), { force: true });
    }
  }
}
