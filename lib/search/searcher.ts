/**
 * Query -> hits -> results with metadata, over one vector space of a library. Distance becomes similarity
 * here. Reads index and catalog, writes neither.
 */
import { DEFAULT_EF, DEFAULT_K, MAX_HITS } from '../base/limits';
import { untilAborted } from '../base/abort';
import { codeOf } from '../base/errors';
import { passes, type Catalog, type MediaRow, type RowFilter } from '../catalog';
import type { ClipModel } from '../encode';
import { parsePattern } from '../base/patterns';
import type { StoreFilter, StoreHits, VectorStore } from '../stores/vectors';
import { asFrameId, asMediaId } from '../base/types';
import type {
  FrameRecord,
  SearchOptions,
  SearchQuery,
  SearchResponse,
  SearchResult,
} from '../base/types';
import { fold, MAX_FOLDED } from './fold';
import { frameUrl } from './frame-url';
import { resolveQuery } from './query-vector';
import { similarityOfCosine } from './similarity';

/** How many times `k` frames are asked for first, and then each time, to find `k` different media. */
const FOLD_AHEAD = 4;

export interface SearcherParts {
  readonly catalog: Catalog;
  readonly index: VectorStore;
  readonly clip: Pick<ClipModel, 'identity' | 'image'>;
  readonly encodeText: (text: string) => Promise<Float32Array>;
  readonly space: string;
  /** Row epoch of the catalog when `index` was opened; undefined if it was changing then. */
  readonly rowEpoch: number | undefined;
  /** Added to every response, see SearchResponse.hint. */
  readonly hint: string | undefined;
}

/**
 * Answers one query; the facade has checked it and the options.
 *
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_DIM_MISMATCH | ERR_NOT_FOUND, and encoder errors
 */
export async function search(
  parts: SearcherParts,
  query: SearchQuery,
  options: SearchOptions = {},
): Promise<SearchResponse> {
  const started = performance.now();
  const { k = DEFAULT_K, minSimilarity = 0 } = options;
  const efSearch = Math.max(options.efSearch ?? DEFAULT_EF, k);
  const { catalog, index, clip, space } = parts;
  const wants = filterOf(options);
  const resolving = resolveQuery(query, {
    image: clip.image,
    encodeText: parts.encodeText,
    index,
    isSearchable: (id) => catalog.rowOfFrame(space, asFrameId(id)) !== undefined,
  });
  const resolved = await untilAborted(resolving, options.signal, 'the search was aborted');
  if (wants !== undefined) await catalog.prepareFilter(space, wants);
  const filter = wants && compileFilter(parts, wants);
  const find = (wanted: number): StoreHits | Promise<StoreHits> => {
    const settings = {
      efSearch: Math.max(efSearch, wanted),
      filter,
    };
    return options.exact === true
      ? index.searchExact(resolved.vector, wanted, settings)
      : index.search(resolved.vector, wanted, settings);
  };
  // One more for a frame query: it finds itself, which is dropped below.
  const self = resolved.self === undefined ? 0 : 1;
  const isFolded = options.fold === true;
  const most = isFolded ? MAX_FOLDED : MAX_HITS;
  let wanted = Math.min(most, isFolded ? FOLD_AHEAD * k : k) + self;
  let results: SearchResult[];
  for (;;) {
    const hits = await find(wanted);
    // By key, which is the frame: row numbers of engine and catalog may differ for a moment.
    const known = catalog.framesInSpace(space, Array.from(hits.keys, asFrameId));
    const frames = known.map((frame) => (frame && isWanted(frame, wants) ? frame : undefined));
    const limits = { k: isFolded ? most : k, minSimilarity, self: resolved.self };
    const found = toResults(hits, frames, limits);
    results = isFolded ? fold(found.results).slice(0, k) : found.results;
    // Rows unknown to the catalog (see toResults) must not displace known ones.
    const orphans = frames.filter((frame) => frame === undefined).length;
    const isAll = results.length >= k || found.isCut || frames.length < wanted;
    if (isAll || wanted >= most || (orphans === 0 && !isFolded)) break;
    wanted = Math.min(isFolded ? FOLD_AHEAD * wanted : wanted + orphans, most);
  }
  results = withMedia(catalog, results);
  return {
    query: resolved.label,
    results,
    took_ms: round(performance.now() - started),
    encode_ms: round(resolved.encodeMs),
    exact: options.exact === true,
    model: clip.identity.id,
    ...(parts.hint === undefined ? {} : { hint: parts.hint }),
  };
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
function filterOf(options: SearchOptions): RowFilter | undefined {
  if (options.type === undefined && options.path === undefined) return undefined;
  return {
    kind: options.type,
    path: options.path === undefined ? undefined : parsePattern(options.path),
  };
}

/** As rows if engine and catalog number them alike, else as frames. */
function compileFilter(parts: SearcherParts, wants: RowFilter): StoreFilter {
  const { catalog, space } = parts;
  const now = catalog.spaces.rowEpoch(space);
  const isInStep = now.isSettled && now.number === parts.rowEpoch;
  return isInStep
    ? { rows: catalog.filterRows(space, wants) }
    : { keys: catalog.filterFrames(space, wants) };
}

const isWanted = (frame: FrameRecord, wants: RowFilter | undefined): boolean =>
  wants === undefined || passes(wants, { path: frame.mediaPath, kind: frame.kind });

function toResults(
  hits: StoreHits,
  frames: readonly (FrameRecord | undefined)[],
  limits: { k: number; minSimilarity: number; self: number | undefined },
): { results: SearchResult[]; isCut: boolean } {
  const results: SearchResult[] = [];
  for (let i = 0; i < frames.length && results.length < limits.k; i++) {
    const frame = frames[i];
    // A row without a catalog entry was appended but not committed, or is being removed.
    if (frame === undefined || frame.frameId === limits.self) continue;
    const cosine = hits.similarities[i] ?? 0;
    const similarity = similarityOfCosine(cosine);
    if (similarity < limits.minSimilarity) return { results, isCut: true };
    results.push({
      frame_id: frame.frameId,
      video_id: frame.kind === 'video' ? frame.mediaId : null,
      timestamp: frame.timestamp,
      similarity,
      cosine,
      frame_url: frameUrl(frame),
      media_path: frame.mediaPath,
      type: frame.kind,
      width: frame.width,
      height: frame.height,
      media_id: frame.mediaId,
      media_url: `/media/${frame.mediaId}`,
      ...UNKNOWN_MEDIA,
    });
  }
  return { results, isCut: false };
}

const UNKNOWN_MEDIA = {
  media_width: null,
  media_height: null,
  size_bytes: null,
  captured_at: null,
  modified_at: null,
} as const;

/** Adds what the catalog knows of each original. */
function withMedia(catalog: Catalog, results: readonly SearchResult[]): SearchResult[] {
  const known = new Map<string, Partial<SearchResult>>();
  return results.map((result) => {
    const facts = known.get(result.media_id) ?? mediaFacts(catalog, result.media_id);
    known.set(result.media_id, facts);
    return { ...result, ...facts };
  });
}

function mediaFacts(catalog: Catalog, mediaId: string): Partial<SearchResult> {
  let media: MediaRow | undefined;
  try {
    media = catalog.mediaById(asMediaId(mediaId));
  } catch (error) {
    // A damaged entry costs these facts, not the search; `verify` reports it.
    if (codeOf(error) !== 'ERR_CATALOG') throw error;
  }
  if (media === undefined) return {};
  return {
    media_width: media.width,
    media_height: media.height,
    size_bytes: media.sizeBytes,
    captured_at: media.capturedAt,
    modified_at: new Date(media.mtimeMs).toISOString(),
  };
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
