/**
 * Runs ffmpeg as a restricted child process: kernel limits set before it starts, a minimal environment, no
 * standard input, the media file as an open descriptor, and a process group that is killed as a whole.
 * Knows nothing of frames.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { decoderEnvironment } from '../../base/child-environment';
import { makeError, messageOf, type LibraryError } from '../../base/errors';
import { LIMITS } from '../limits';

/** Descriptor of the media file inside the child; 3 is the frame index. */
const MEDIA_FD = 4;

/** Windows cannot pass descriptors; a container may lack the folder. */
const hasDescriptorFolder = process.platform !== 'win32' && existsSync('/dev/fd');

/**
 * The input argument: the open descriptor if possible, because it is the file that was checked, and no name
 * can be mistaken for an option, protocol or pattern. Else `file:` and the absolute path, which leaves a
 * moment in which the file could be replaced.
 */
export function inputName(absPath: string): string {
  return hasDescriptorFolder ? `file:/dev/fd/${MEDIA_FD}` : `file:${absPath}`;
}

export const INDEX_NAME = 'pipe:3';

export interface FfmpegRun {
  readonly ffmpeg: string;
  readonly args: readonly string[];
  /** Descriptor of the open media file. */
  readonly mediaFd: number;
  readonly mediaBytes: number;
  /** Working folder; default the root of the file system. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

/** Process groups to kill if this process exits. */
const living = new Set<number>();

function killGroup(pid: number): void {
  try {
    // The child leads its group (`detached`), so this reaches whatever it may have started.
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

process.on('exit', () => living.forEach(killGroup));

export class FfmpegProcess {
  readonly frames: Readable;
  readonly index: Readable;
  readonly log: Readable;
  /** Why it was killed: the error of the run. */
  verdict: LibraryError | undefined;
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private readonly total: NodeJS.Timeout;
  private spawnError: Error | undefined;

  constructor(private readonly options: FfmpegRun) {
    const [file, args] = withLimits(options);
    this.child = spawn(file, args, {
      // Standard input, frames, log, index, media.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', options.mediaFd],
      env: ffmpegEnvironment(),
      cwd: options.cwd ?? path.parse(process.cwd()).root,
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const { pid } = this.child;
    if (pid !== undefined) living.add(pid);
    this.exited = new Promise((resolve) => {
      const finish = (): void => {
        if (pid !== undefined) living.delete(pid);
        resolve();
      };
      this.child.once('exit', finish);
      this.child.once('error', (error) => {
        this.spawnError = error;
        finish();
      });
    });
    [this.frames, this.log, this.index] = [1, 2, 3].map(
      (fd) => this.child.stdio[fd] as Readable,
    ) as [Readable, Readable, Readable];
    this.total = setTimeout(() => {
      this.kill(makeError('ERR_TIMEOUT', `the video took longer than ${LIMITS.videoMs / 1000} s`));
    }, LIMITS.videoMs);
    if (options.signal?.aborted === true) this.onAbort();
    else options.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  private readonly onAbort = (): void => {
    this.kill(makeError('ERR_ABORTED', 'decoding was aborted'));
  };

  /** Kills the process group; the first reason is kept. */
  kill(verdict: LibraryError): void {
    this.verdict ??= verdict;
    if (this.child.pid !== undefined) killGroup(this.child.pid);
  }

  /** Waits for `work` on the child's output; kills the child after `stallMs`. */
  async watch<T>(work: Promise<T>, stallMs: number): Promise<T> {
    const timer = setTimeout(() => {
      this.kill(
        makeError('ERR_TIMEOUT', `ffmpeg gave no frame for ${Math.round(stallMs / 1000)} s`),
      );
    }, stallMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the end; returns the error of the process, if any. */
  async end(): Promise<LibraryError | undefined> {
    await this.exited;
    this.release();
    if (this.verdict !== undefined) return this.verdict;
    if (this.spawnError !== undefined)
      return makeError('ERR_FFMPEG_MISSING', `ffmpeg: ${messageOf(this.spawnError)}`);
    const { signalCode, exitCode } = this.child;
    if (signalCode === 'SIGXCPU' || signalCode === 'SIGKILL')
      return makeError('ERR_MEDIA_LIMIT', 'the video exceeds the limit of CPU time or memory');
    if (signalCode !== null)
      return makeError('ERR_MEDIA_DECODE', `ffmpeg crashed (${signalCode})`, {
        details: { crashed: true, signal: signalCode },
      });
    if (exitCode !== 0)
      return makeError('ERR_MEDIA_DECODE', `ffmpeg failed (exit ${exitCode})`, {
        details: { exitCode },
      });
    return undefined;
  }

  /** Kills the child if it still runs and waits for its end. */
  async dispose(): Promise<void> {
    if (this.child.pid !== undefined && this.child.exitCode === null) killGroup(this.child.pid);
    for (const stream of [this.frames, this.log, this.index]) stream.destroy();
    await this.exited;
    this.release();
  }

  private release(): void {
    clearTimeout(this.total);
    this.options.signal?.removeEventListener('abort', this.onAbort);
  }
}

/**
 * The command that sets limits by the shell's `ulimit` and then becomes ffmpeg; limits that the system lacks
 * (`-v` on macOS) are left out. The number of processes is not limited: it would count all of the user's.
 */
export function limitedCommand(
  ffmpeg: string,
  args: readonly string[],
  { cpuSeconds, addressSpaceBytes }: { cpuSeconds: number; addressSpaceBytes: number },
): [string, string[]] {
  if (process.platform === 'win32') return [ffmpeg, [...args]];
  const limits = [
    '-c 0',
    // Does not affect pipes, the only outputs.
    '-f 0',
    '-n 64',
    `-t ${cpuSeconds}`,
    `-v ${Math.floor(addressSpaceBytes / 1024)}`,
  ];
  const script = `${limits.map((limit) => `ulimit ${limit} 2>/dev/null`).join('; ')}; exec "$0" "$@"`;
  return ['/bin/sh', ['-c', script, ffmpeg, ...args]];
}

function withLimits({ ffmpeg, args, mediaBytes }: FfmpegRun): [string, string[]] {
  return limitedCommand(ffmpeg, args, {
    cpuSeconds:
      LIMITS.videoCpuSeconds + Math.ceil((mediaBytes / 1e6) * LIMITS.videoCpuSecondsPerMegabyte),
    addressSpaceBytes: LIMITS.videoAddressSpaceBytes,
  });
}

export const ffmpegEnvironment = (): NodeJS.ProcessEnv =>
  decoderEnvironment({ LC_ALL: 'C', AV_LOG_FORCE_NOCOLOR: '1' });
