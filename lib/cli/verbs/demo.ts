/** `demo`: draws a sample library, syncs, searches and serves it. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, makeError } from '../../base/errors';
import { LIBRARY_FOLDER } from '../../base/files/names';
import type { Library } from '../../library/types';
import type { RunningServer } from '../../server';
import { prepareSampleLibrary, type PreparedSample } from '../../library/sample-library';
import type { SearchResponse } from '../../base/types';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, formatDuration, formatTimestamp, printable } from '../output/format';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../output/io';
import { makeProgress } from '../output/progress';
import type { ProgressStyle } from '../output/progress-style';
import { existingLibrary, openSession, startSession, type Flags, type Session } from '../session';
import { describeReport } from '../output/sync-report';
import { exitCodeOfSync, runSync, type SyncOutcome } from '../sync-run';
import { invitation, serveUntilStopped } from './serve';

/** The first is in several pictures, the others in one moment of a video each. */
const QUERIES = ['a red heart', 'four black triangles', 'white rings and a purple arrow on water'];
const HITS_SHOWN = 5;
/** Further ports to try if none was chosen. */
const MORE_PORTS = 20;

interface Phases {
  draw: number;
  sync: number;
  search: number;
}

export async function runDemoVerb(
  folder: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const dir = path.resolve(folder ?? 'demo-library');
  const style = flags.progress as ProgressStyle;
  const drawStarted = performance.now();
  const sample = await draw(dir, flags, io, style);
  const phases: Phases = { draw: performance.now() - drawStarted, sync: 0, search: 0 };
  tellSample(io, dir, sample, phases.draw);

  // Overrides the environment: the built-in model is the one that knows the sample.
  const own = { library: path.join(dir, LIBRARY_FOLDER), model: 'builtin' };
  const session = startSession(dir, { ...flags, ...own }, io);
  const outcome = await syncAndSearch(session, style, { dir, sample, phases });
  if (outcome.isInterrupted) return EXIT.interrupted;
  if (flags.serve !== false) await serve(session);
  else io.note(`next: sightline search "a blue star" ${printable(shown(dir))}`);
  return exitCodeOfSync(outcome);
}

interface Drawn {
  readonly dir: string;
  readonly sample: PreparedSample;
  readonly phases: Phases;
}

async function syncAndSearch(
  session: Session,
  style: ProgressStyle,
  { dir, sample, phases }: Drawn,
): Promise<SyncOutcome> {
  const { io } = session;
  await using library = await openSample(session);
  const outcome = await runSync(io, {}, style, (options) => library.sync(options));
  const { report } = outcome;
  if (report === undefined || outcome.isInterrupted) return outcome;
  phases.sync = report.elapsedMs;
  io.note(describeReport(report));

  const started = performance.now();
  const searches: SearchResponse[] = [];
  for (const text of QUERIES) {
    const response = await library.search({ text }, { k: HITS_SHOWN });
    searches.push(response);
    if (!io.isJson) printHits(io, response);
  }
  phases.search = performance.now() - started;
  tellPhases(io, phases);
  if (io.isJson) io.json({ folder: dir, sample, sync: report, searches, phasesMs: phases });
  return outcome;
}

async function draw(
  dir: string,
  flags: Flags,
  io: Io,
  style: ProgressStyle,
): Promise<PreparedSample> {
  const progress = makeProgress(style, io.isQuiet);
  try {
    return await untilInterrupted(io, 'stopping', (signal) =>
      prepareSampleLibrary(dir, {
        ...numberFlag('pictures', flags),
        ...numberFlag('videos', flags),
        signal,
        onProgress: (done, total, file) =>
          progress.show({ phase: 'draw', done, total, frames: 0, framesTotal: 0, path: file }),
      }),
    );
  } finally {
    progress.end();
  }
}

function numberFlag(name: 'pictures' | 'videos', flags: Flags): Record<string, number> {
  const value = flags[name];
  if (value === undefined) return {};
  if (!/^\d{1,6}$/.test(String(value)))
    throw makeError('ERR_ARG_RANGE', `--${name} takes a whole number, received "${String(value)}"`);
  return { [name]: Number(value) };
}

function tellSample(io: Io, dir: string, sample: PreparedSample, ms: number): void {
  const files = `${count(sample.pictures, 'picture')} and ${count(sample.videos, 'video')}`;
  const where = printable(shown(dir));
  io.note(
    sample.isReused
      ? `${files} are in ${where} already`
      : `${files} drawn into ${where} in ${formatDuration(ms)}`,
  );
  if (sample.videoProblem !== undefined) io.note(`no videos: ${sample.videoProblem}`);
}

function printHits(io: Io, response: SearchResponse): void {
  io.line(`\n"${response.query}"  (${response.took_ms.toFixed(1)} ms)`);
  io.table(
    [
      { title: '#', align: 'right' },
      { title: 'similarity', align: 'right' },
      { title: 'time', align: 'right' },
      { title: 'path' },
    ],
    response.results.map((hit, i) => [
      String(i + 1),
      hit.similarity.toFixed(3),
      formatTimestamp(hit.timestamp),
      printable(hit.media_path),
    ]),
  );
}

function tellPhases(io: Io, phases: Phases): void {
  const { draw: drawMs, sync: syncMs, search: searchMs } = phases;
  io.note(
    `\ntimes: drawing ${formatDuration(drawMs)}, sync ${formatDuration(syncMs)}, ` +
      `${QUERIES.length} searches ${formatDuration(searchMs)} (the first one loads the text model)`,
  );
}

/** Embeds again what an older built-in model has embedded. */
async function openSample(session: Session): Promise<Library> {
  try {
    return await openSession(session);
  } catch (error) {
    const dir = existingLibrary(session);
    const isStale = codeOf(error) === 'ERR_MODEL_MISMATCH';
    if (!isStale || dir === undefined) throw error;
    session.io.note('the sample was embedded with another model: starting afresh');
    await rm(dir, { recursive: true });
    return openSession(session);
  }
}

/** Opens read-only, so that the sample can be synced while it is served. */
async function serve(session: Session): Promise<void> {
  const { io, config } = session;
  const { host, port } = config.settings;
  const isAsked = config.origins.port.from !== 'default';
  await using library = await openSession(session, { readOnly: true });
  const announce = (server: RunningServer): void => {
    const text = invitation(server, library.stats().frames);
    // With --json, stdout already has its one document.
    if (io.isJson) io.note(text);
    else io.line(`\n${text}`);
  };
  await serveUntilStopped(io, library, { host, port }, announce, {
    morePorts: isAsked ? 0 : MORE_PORTS,
  });
}

/** The path relative to the current folder, if that is shorter. */
function shown(dir: string): string {
  const relative = path.relative(process.cwd(), dir);
  return relative === '' || relative.startsWith('..') ? dir : relative;
}
