/**
 * The hub's cache on disk, shared with the hub's own tools: `models--owner--name/` with `blobs/<hash>`,
 * `snapshots/<commit>/<path>` linking to blobs, and `refs/<revision>` holding a commit.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { writeBeside } from '../../base/files/safe-file';
import { diskError } from '../failures';
import { isCommit } from '../names';

/** A file of a repository, as the hub records it. */
export interface HubFile {
  /** Relative, with `/`; checked by `isSafeRelativePath`. */
  readonly path: string;
  readonly size: number;
  /** Of files in Git LFS; otherwise undefined. */
  readonly sha256: string | undefined;
  /** Git's SHA-1 over header and content; used if `sha256` is undefined. */
  readonly gitSha1: string;
}

export class CachedRepository {
  /** Contains all files of the model, also once links are followed. */
  readonly folder: string;

  constructor(
    cacheDir: string,
    readonly repository: string,
  ) {
    this.folder = path.resolve(cacheDir, `models--${repository.replace('/', '--')}`);
  }

  snapshot(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  blob(file: HubFile): string {
    return path.join(this.folder, 'blobs', file.sha256 ?? file.gitSha1);
  }

  /** The commit of a branch or tag when any tool last pulled it. */
  async readRef(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const file = path.join(this.folder, 'refs', ...revision.split('/'));
    const text = await readFile(file, 'utf8').catch(() => '');
    return /^[0-9a-f]{7,64}$/.test(text.trim()) ? text.trim() : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    // As the hub's tools: no ref for a commit, no line end.
    if (revision === commit) return;
    await writeWhole(path.join(this.folder, 'refs', ...revision.split('/')), commit);
  }

  /** Links the snapshot's path to the blob; copies where links are not allowed. */
  async link(commit: string, file: HubFile): Promise<void> {
    const from = path.join(this.snapshot(commit), ...file.path.split('/'));
    const blob = this.blob(file);
    const target = path.relative(path.dirname(from), blob);
    if ((await readlink(from).catch(() => undefined)) === target) return;
    await mkdir(path.dirname(from), { recursive: true });
    const beside = `${from}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      await symlink(target, beside).catch(() => copyFile(blob, beside));
      await rename(beside, from);
    } catch (cause) {
      await rm(beside, { force: true });
      throw diskError(from, cause);
    }
  }
}

/** Replaces a small file atomically. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const asError = (cause: unknown): unknown => diskError(file, cause);
  await mkdir(path.dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw asError(cause);
  });
  const prepared = await writeBeside(file, (handle) => handle.writeFile(text), asError);
  await prepared.commit();
}
