/**
 * Pulls a model: lists the repository, downloads missing files, checks them against the hub's record and
 * writes the lock entry. The revision moves last, so that a failure leaves the previous model usable.
 */
import { mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { readOptions } from '../../base/options';
import type { Dtype } from '../dtype';
import { readExternalDataNames } from '../onnx/onnx-file';
import { CachedRepository, type HubFile } from '../store/cache';
import { checkSize, chooseFiles } from './choose';
import { checkBlob, downloadFile, partialBytes } from './download';
import { diskError, withRemedy } from '../failures';
import { HubHttp } from './http';
import { listRepository, type Repository } from './listing';
import { readLock, withEntry, writeLock } from '../store/lock-file';
import type { LockedFile, LockEntry, ModelLock } from '../store/lock-file';
import { checkRevision, parseModelName, spellName, type ModelName } from '../names';
import { whileMarked } from '../store/pull-mark';
import { pullOffline } from './pull-offline';
import { PULL_OPTIONS, type PulledFile, type PullOptions, type PullReport } from './pull-types';
import { hubSettings, type HubSettings } from '../settings';

/** Disk space to leave free. */
const SPARE_BYTES = 64 * 2 ** 20;

/**
 * @param name short name, `owner/repository`, or either with `@revision`
 * @throws ERR_ARG_RANGE | ERR_MODEL_MISSING with a remedy | ERR_MODEL_HASH |
 *   ERR_MODEL_INVALID | ERR_DISK_FULL | ERR_IO | ERR_FILE_LOCKED | ERR_ABORTED
 */
export async function pullModel(name: string, given: PullOptions = {}): Promise<PullReport> {
  const options = readOptions('options', given, PULL_OPTIONS);
  const settings = hubSettings(options.env ?? process.env);
  const [parsed] = parseModelName(name);
  const revision = options.revision ? checkRevision(options.revision) : parsed.revision;
  const model: ModelName = { repository: parsed.repository, revision };
  const cached = new CachedRepository(settings.cacheDir, model.repository);
  const http = new HubHttp(settings, options.retry);
  try {
    if (settings.isOffline) return await pullOffline(model, cached, options);
    const listed = await listRepository(model, settings.endpoint, http, options.signal);
    return await new Pull(model, cached, settings, http, listed, options).run();
  } catch (error) {
    throw withRemedy(diskError(cached.folder, error), {
      name: options.revision ? `${name} --revision ${revision}` : name,
      endpoint: settings.endpoint,
      repository: model.repository,
      folder: cached.folder,
      token: settings.token === undefined ? 'none' : http.mayCarryToken ? 'sent' : 'kept',
    });
  } finally {
    await http.close();
  }
}

class Pull {
  private readonly dtype: Dtype;
  private needed: readonly HubFile[];
  /** SHA-256 of the files already present, by path. */
  private readonly present = new Map<string, string>();
  /** Bytes present, by path. */
  private readonly bytes = new Map<string, number>();
  private readonly locked = new Map<string, LockedFile>();
  private readonly report: PulledFile[] = [];
  private downloadedBytes = 0;
  /** The existing record of this commit. */
  private entry: LockEntry | undefined;

  constructor(
    private readonly model: ModelName,
    private readonly cached: CachedRepository,
    private readonly settings: HubSettings,
    private readonly http: HubHttp,
    private readonly listed: Repository,
    private readonly options: PullOptions,
  ) {
    this.dtype = options.dtype ?? 'fp32';
    this.needed = chooseFiles(listed, this.dtype);
  }

  async run(): Promise<PullReport> {
    const { cached, model, listed } = this;
    const lock = await readLock(cached.folder, model.repository);
    this.entry = lock?.entries.get(listed.commit);
    this.refuseOtherRecord();
    await this.survey(this.needed);
    if (this.options.isDryRun === true) {
      for (const file of this.needed) {
        const sha256 = this.present.get(file.path);
        this.note(file, sha256 ?? file.sha256, sha256 === undefined ? 'needed' : 'present');
      }
      return this.finish(lock);
    }
    await this.refuseFullDisk();
    const plan = { revision: model.revision, dtype: this.dtype };
    await whileMarked(cached.folder, model.repository, plan, async () => {
      // Sequentially: one large file fills the connection, the others are small.
      for (const file of this.needed) await this.take(file);
      const forgotten = this.forgottenWeights();
      await this.survey(forgotten);
      for (const file of forgotten) await this.take(file);
      const entry = { files: this.locked };
      // Read again: a pull of another number type may have finished meanwhile.
      const latest = await readLock(cached.folder, model.repository);
      await writeLock(
        cached.folder,
        withEntry(latest, model.repository, model.revision, listed.commit, entry),
      );
      await cached.writeRef(model.revision, listed.commit);
    });
    return this.finish(lock);
  }

  private get totalBytes(): number {
    return this.needed.reduce((sum, file) => sum + file.size, 0);
  }

  private get doneBytes(): number {
    let sum = 0;
    for (const bytes of this.bytes.values()) sum += bytes;
    return sum;
  }

  /** A commit is immutable: another hash for the same commit means a forged file. */
  private refuseOtherRecord(): void {
    for (const file of this.needed) {
      const known = this.entry?.files.get(file.path);
      if (known === undefined) continue;
      const isSame = known.size === file.size && (file.sha256 ?? known.sha256) === known.sha256;
      if (!isSame) throw this.otherRecord(file.path, known, file.sha256);
    }
  }

  private otherRecord(name: string, known: LockedFile, now: string | undefined): Error {
    return makeError(
      'ERR_MODEL_HASH',
      `${name} of ${this.model.repository} was recorded with SHA-256 ${known.sha256}, and now the hub ` +
        `names ${now ?? 'another size'} for the same commit ${this.listed.commit}: refused. If you trust ` +
        `the new file, delete ${this.cached.folder} and pull again`,
      { details: { path: name, recorded: known.sha256, received: now } },
    );
  }

  /** Measures what is present before the download, for the rate of the progress bar and the disk check. */
  private async survey(files: readonly HubFile[]): Promise<void> {
    for (const file of files) {
      const blob = this.cached.blob(file);
      const sha256 = await checkBlob(blob, file);
      if (sha256 !== undefined) this.present.set(file.path, sha256);
      const bytes = sha256 === undefined ? await partialBytes(blob) : file.size;
      // A partial file that is too long will be discarded.
      this.bytes.set(file.path, bytes > file.size ? 0 : bytes);
    }
  }

  private async refuseFullDisk(): Promise<void> {
    const { folder } = this.cached;
    await mkdir(folder, { recursive: true });
    const missing = this.totalBytes - this.doneBytes;
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (missing === 0 || free >= missing + SPARE_BYTES) return;
    throw makeError(
      'ERR_DISK_FULL',
      `${this.model.repository} needs ${missing} bytes more in ${folder}, and ${free} are free: free some, ` +
        'or let HF_HUB_CACHE name a folder on another disk',
      { details: { folder, missing, free } },
    );
  }

  private async take(file: HubFile): Promise<void> {
    const { cached, listed, options } = this;
    const present = this.present.get(file.path);
    this.tell(file, this.bytes.get(file.path) ?? 0);
    const sha256 =
      present ??
      (await downloadFile(this.http, this.urlOf(file), file, cached.blob(file), {
        signal: options.signal,
        onBytes: (bytes) => {
          // Bytes after a restart are counted again, as they are received again.
          this.downloadedBytes += Math.max(0, bytes - (this.bytes.get(file.path) ?? 0));
          this.tell(file, bytes);
        },
      }));
    const known = this.entry?.files.get(file.path);
    if (known !== undefined && known.sha256 !== sha256)
      throw this.otherRecord(file.path, known, sha256);
    await cached.link(listed.commit, file);
    this.locked.set(file.path, { size: file.size, sha256 });
    this.note(file, sha256, present === undefined ? 'downloaded' : 'present');
    this.tell(file, file.size);
  }

  private urlOf(file: HubFile): string {
    const { repository, commit } = this.listed;
    const name = file.path.split('/').map(encodeURIComponent).join('/');
    return `${this.settings.endpoint}/${repository}/resolve/${commit}/${name}`;
  }

  private tell(file: HubFile, bytes: number): void {
    this.bytes.set(file.path, bytes);
    this.options.onProgress?.({
      doneBytes: this.doneBytes,
      totalBytes: this.totalBytes,
      doneFiles: this.report.length,
      totalFiles: this.needed.length,
      path: file.path,
    });
  }

  /** External data files that only the graphs name. @throws ERR_MODEL_INVALID */
  private forgottenWeights(): HubFile[] {
    const have = new Set(this.needed.map((file) => file.path));
    const more: HubFile[] = [];
    for (const { path: graph } of this.needed) {
      if (!graph.endsWith('.onnx')) continue;
      const inSnapshot = path.join(this.cached.snapshot(this.listed.commit), ...graph.split('/'));
      for (const name of readExternalDataNames(inSnapshot)) {
        const wanted = path.posix.join(path.posix.dirname(graph), name);
        if (have.has(wanted)) continue;
        const file = this.listed.files.find((candidate) => candidate.path === wanted);
        if (file === undefined) {
          throw makeError(
            'ERR_MODEL_INVALID',
            `${graph} of ${this.model.repository} keeps its weights in ${JSON.stringify(name)}, which the repository does not have`,
            { details: { graph, name } },
          );
        }
        checkSize(file, this.model.repository);
        have.add(wanted);
        more.push(file);
      }
    }
    this.needed = [...this.needed, ...more];
    return more;
  }

  private note(file: HubFile, sha256: string | undefined, state: PulledFile['state']): void {
    const pulled: PulledFile = { path: file.path, sizeBytes: file.size, sha256, state };
    this.report.push(pulled);
    this.options.onFile?.(pulled);
  }

  private finish(before: ModelLock | undefined): PullReport {
    const previous = before?.refs.get(this.model.revision);
    return {
      id: spellName(this.model),
      revision: this.listed.commit,
      previousRevision: previous === this.listed.commit ? undefined : previous,
      dtype: this.dtype,
      folder: this.cached.snapshot(this.listed.commit),
      files: this.report,
      totalBytes: this.totalBytes,
      downloadedBytes: this.downloadedBytes,
      isDryRun: this.options.isDryRun === true,
    };
  }
}
