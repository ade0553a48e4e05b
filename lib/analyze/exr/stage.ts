/**
 * The stage of a sync for OpenEXR files: inspects those whose facts are missing or out of date, then computes the vectors that are
 * missing. Both go on where a crash left them. A file that cannot be inspected is recorded with its reason, and tried again when
 * it or the inspector changes. Removed media take their facts with them, by the catalog.
 */
import path from 'node:path';
import { bytesOfVector } from '../../base/arrays';
import { throwIfAborted } from '../../base/abort';
import { isLibraryError } from '../../base/errors';
import type { Catalog, ExrFacts, ExrFailure, ExrToInspect, ExrVectors } from '../../catalog';
import {
  computeChannelFingerprint,
  computeMetadataEmbedding,
  INSPECTOR_VERSION,
  inspectExr,
  type ExrEmbeddingVersion,
  type ExrPayload,
} from '../../exr';

export interface ExrStageReport {
  /** Files whose facts were read in this run. */
  readonly inspected: number;
  /** Of these, files that could not be inspected. */
  readonly failed: number;
  /** Vectors computed. */
  readonly embedded: number;
}

/** Headers read at once, and files recorded together. */
const AT_ONCE = 16;
const EMBED_BATCH = 256;

/** Of what the vectors are made by: the shape of the payload has a version of its own. */
export const schemaVersionOf = (version: ExrEmbeddingVersion): string => `${version}.0.0`;

/** @throws ERR_ABORTED, and what the catalog throws */
export async function inspectFiles(
  catalog: Catalog,
  root: string,
  signal?: AbortSignal,
): Promise<Pick<ExrStageReport, 'inspected' | 'failed'>> {
  const files = catalog.exr.toInspect(INSPECTOR_VERSION);
  let inspected = 0;
  let failed = 0;
  for (let at = 0; at < files.length; at += AT_ONCE) {
    throwIfAborted(signal, 'the sync was interrupted');
    const some = files.slice(at, at + AT_ONCE);
    const found = await Promise.all(some.map((file) => inspect(root, file)));
    for (const [i, file] of some.entries()) {
      const one = found[i];
      if (one === undefined) continue;
      catalog.exr.put(file, INSPECTOR_VERSION, one);
      inspected++;
      if ('code' in one) failed++;
    }
  }
  return { inspected, failed };
}

/** Undefined for a file that is not there, or cannot be read, now: the next sync tries again. */
async function inspect(
  root: string,
  file: ExrToInspect,
): Promise<ExrFacts | ExrFailure | undefined> {
  try {
    const payload = await inspectExr(path.join(root, file.path), { as: file.path });
    return factsOf(payload);
  } catch (error) {
    if (!isLibraryError(error)) throw error;
    // A disk that cannot be read now says nothing of the file.
    if (error.code === 'ERR_MEDIA_MISSING' || error.details.system !== undefined) return undefined;
    return { code: error.code, reason: error.message };
  }
}

const factsOf = (payload: ExrPayload): ExrFacts => ({
  payload: JSON.stringify(payload),
  multipartCount: payload.file.multipart_count,
  channelCount: payload.channels.length,
  isTiled: payload.file.is_tiled,
  isDeep: payload.file.is_deep,
  isMultiview: payload.file.is_multiview,
});

/** Computes the vectors that files lack in a version. @returns how many */
export async function embedFiles(
  catalog: Catalog,
  version: ExrEmbeddingVersion,
  signal?: AbortSignal,
  onProgress?: (done: number) => void,
): Promise<number> {
  for (let done = 0; ;) {
    throwIfAborted(signal, 'the sync was interrupted');
    const files = catalog.exr.withoutVectors(version, EMBED_BATCH);
    if (files.length === 0) return done;
    catalog.exr.putVectors(
      version,
      files.map((file) => vectorsOf(file.fileId, file.payload ?? '', version)),
    );
    done += files.length;
    onProgress?.(done);
    // The thread is shared with searches.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** @param payload  JSON, as the catalog has it */
export function vectorsOf(
  fileId: number,
  payload: string,
  version: ExrEmbeddingVersion,
): ExrVectors {
  const facts = JSON.parse(payload) as ExrPayload;
  return {
    fileId,
    schemaVersion: schemaVersionOf(version),
    metadata: bytesOfVector(computeMetadataEmbedding(facts, undefined, { version })),
    channels: bytesOfVector(computeChannelFingerprint(facts.channels, undefined, { version })),
  };
}
