/** `search`: syncs the library, searches it, prints hits. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { makeError, messageOf } from '../../base/errors';
import type { Library } from '../../library/types';
import type { SearchOptions, SearchQuery, SearchResponse, SearchResult } from '../../base/types';
import { EXIT, type ExitCode } from '../exit-codes';
import { count, formatTimestamp, printable, type Column } from '../output/format';
import type { Io } from '../output/io';
import type { ProgressStyle } from '../output/progress-style';
import { offerModel } from '../photographs';
import { rememberRules } from '../remembered-rules';
import { isFolder, openForSearch, openSession, startSession, syncOptionsOf } from '../session';
import type { Flags, Session } from '../session';
import { syncFirst } from '../sync-run';

/** A larger file is a mistake. */
const MAX_QUERY_IMAGE_BYTES = 64 * 1024 * 1024;

const COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'similarity', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'frame', align: 'right' },
  { title: 'path' },
];

export async function runSearchVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const { query, root } = readQuery(words, flags);
  const session = startSessionOfSearch(words, root, flags, io);
  const options = searchOptionsOf(session, flags);
  const { library, isInterrupted } = await readyLibrary(session, flags, query.text !== undefined);
  try {
    if (isInterrupted) return EXIT.interrupted;
    if (library.isEmpty)
      io.note(
        `${printable(session.shownRoot)} holds no pictures or videos that can be searched yet`,
      );
    const response = await library.search(query, options);
    print(session, response, flags);
    return flags.failEmpty === true && response.results.length === 0 ? EXIT.noMatch : EXIT.ok;
  } finally {
    await library.close();
  }
}

/** With `--image` or `--like` there is no query text: the first argument is the root. */
function readQuery(
  words: readonly string[],
  flags: Flags,
): { query: SearchQuery; root: string | undefined } {
  const { image, like } = flags as { image?: string; like?: string };
  const isTextless = image !== undefined || like !== undefined;
  if (image !== undefined && like !== undefined)
    throw makeError('ERR_ARG_TYPE', '--image and --like exclude each other: give one of them');
  const most = isTextless ? 1 : 2;
  if (words.length > most) throw tooManyWords(words, isTextless);
  if (image !== undefined) return { query: { image: readImage(image) }, root: words[0] };
  if (like !== undefined) return { query: { frame: frameNumber(like) }, root: words[0] };
  if (words[0] === undefined)
    throw makeError('ERR_ARG_TYPE', 'what to search for? For example: sightline search "red car"');
  return { query: { text: words[0] }, root: words[1] };
}

function tooManyWords(words: readonly string[], isTextless: boolean): Error {
  const shown = printable(words.join(' '));
  return makeError(
    'ERR_ARG_TYPE',
    isTextless
      ? `with --image or --like only a folder may follow, received "${shown}"`
      : `put a query of several words in quotes: sightline search "${shown}"`,
  );
}

/** A second argument that is no folder is mostly a query without quotes. */
function startSessionOfSearch(
  words: readonly string[],
  root: string | undefined,
  flags: Flags,
  io: Io,
): Session {
  try {
    return startSession(root, flags, io);
  } catch (cause) {
    if (words.length !== 2 || root === undefined || isFolder(root)) throw cause;
    throw makeError(
      'ERR_ARG_RANGE',
      `there is no folder "${printable(root)}". If it belongs to the query, use quotes: ` +
        `sightline search "${printable(words.join(' '))}"`,
      { cause },
    );
  }
}

function readImage(file: string): Uint8Array {
  try {
    const { size } = statSync(file);
    if (size > MAX_QUERY_IMAGE_BYTES)
      throw makeError('ERR_MEDIA_LIMIT', `it has ${size} bytes, at most ${MAX_QUERY_IMAGE_BYTES}`);
    return readFileSync(file);
  } catch (cause) {
    throw makeError('ERR_ARG_RANGE', `--image ${printable(file)}: ${messageOf(cause)}`, { cause });
  }
}

function frameNumber(value: string): number {
  if (!/^\d{1,15}$/.test(value))
    throw makeError('ERR_ARG_RANGE', `--like takes the number of a frame, received "${value}"`);
  return Number(value);
}

function searchOptionsOf(session: Session, flags: Flags): SearchOptions {
  const { settings, origins } = session.config;
  const { type, path: glob } = flags as { type?: SearchOptions['type']; path?: string };
  return {
    k: settings.k,
    minSimilarity: settings.minSimilarity,
    ...(origins.efSearch.from === 'default' ? {} : { efSearch: settings.efSearch }),
    type,
    path: glob,
    ...(flags.exact === true ? { exact: true } : {}),
  };
}

async function openForQuery(
  session: Session,
  flags: Flags,
): Promise<{ library: Library; isWriter: boolean }> {
  if (flags.sync !== false) return openForSearch(session);
  if (flags.ignore !== undefined || flags.unignore !== undefined)
    session.io.note('--ignore and --unignore are about a sync and do nothing with --no-sync');
  return { library: await openSession(session, { readOnly: true }), isWriter: false };
}

async function readyLibrary(
  session: Session,
  flags: Flags,
  hasText: boolean,
): Promise<{ library: Library; isInterrupted: boolean }> {
  const { library, isWriter } = await openForQuery(session, flags);
  // Loads the model while files are scanned; if it fails, the search reports why.
  if (hasText) library.embeddings.warm(['instruction']).catch(() => undefined);
  if (!isWriter) return { library, isInterrupted: false };
  try {
    rememberRules(session, flags, library.dir);
    if (library.isEmpty)
      session.io.note(`indexing ${printable(session.root)} (once; Ctrl-C is safe)`);
    const isFirst = library.isEmpty;
    const style = flags.progress as ProgressStyle;
    const options = syncOptionsOf(session, flags);
    const { report, isInterrupted } = await syncFirst(session.io, library, options, style);
    if (isInterrupted) return { library, isInterrupted };
    const offer = { hint: report?.hint, isFirst };
    const taken = await offerModel(session.io, library, flags, options, offer);
    return { library, isInterrupted: taken?.isInterrupted === true };
  } catch (error) {
    await library.close();
    throw error;
  }
}

function print(session: Session, response: SearchResponse, flags: Flags): void {
  const { io } = session;
  const { results } = response;
  // Before the first result, so that it is not taken for the best the program can do.
  if (response.hint !== undefined) io.note(`note: ${response.hint}`);
  if (io.isJson) io.json(response);
  else if (flags.ndjson === true) for (const hit of results) io.line(JSON.stringify(hit));
  else if (flags.paths === true || flags.null === true) printPaths(session, results, flags);
  else {
    printTable(session, response);
    return;
  }
  if (results.length === 0) io.note('nothing found');
  else if (!io.isJson) noteHits(io, results.length, response);
}

const noteHits = (io: Io, hits: number, { took_ms }: SearchResponse): void =>
  io.note(`${count(hits, 'hit')} in ${took_ms.toFixed(1)} ms`);

/** For people: what would be shown as 0.000 is no hit, unless it was asked for. */
function printTable({ io, config }: Session, response: SearchResponse): void {
  const isAsked = config.origins.minSimilarity.from !== 'default';
  const shown = response.results.filter((hit) => isAsked || hit.similarity >= 0.0005);
  const others = response.results.length - shown.length;
  if (shown.length > 0) {
    io.table(COLUMNS, shown.map(rowOf));
    noteHits(io, shown.length, response);
  } else io.note('nothing found');
  if (others > 0)
    io.note(`${others} more have nothing in common with the query (--min-similarity 0 shows them)`);
}

function rowOf(hit: SearchResult, rank: number): readonly string[] {
  return [
    String(rank + 1),
    hit.similarity.toFixed(3),
    formatTimestamp(hit.timestamp),
    String(hit.frame_id),
    printable(hit.media_path),
  ];
}

/** Each file once, best first, relative to the current folder; with -0 unescaped and NUL-terminated. */
function printPaths(session: Session, results: readonly SearchResult[], flags: Flags): void {
  const paths = new Set(results.map((hit) => path.join(session.shownRoot, hit.media_path)));
  for (const file of paths) {
    if (flags.null === true) session.io.write(`${file}\0`);
    else session.io.line(printable(file));
  }
}
