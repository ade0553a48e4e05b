/**
 * Turns a query (text, picture, frame of the library or vector) into one unit vector of the library's
 * space. Uses decoder, encoders and index, not the catalog's contents.
 */
import { types } from 'node:util';
import { checkPresent } from '../base/arrays';
import { makeError } from '../base/errors';
import type { ImageEncoder } from '../encode';
import { decodeImage } from '../media';
import type { VectorStore } from '../stores/vectors';
import type { SearchQuery } from '../base/types';

export interface ResolvedQuery {
  readonly vector: Float32Array;
  /** How results name the query: the text, or a word in angle brackets. */
  readonly label: string;
  /** Milliseconds spent encoding. */
  readonly encodeMs: number;
  /** The query frame, which must not be its own best hit. */
  readonly self: number | undefined;
}

export interface QuerySources {
  readonly image: ImageEncoder;
  /** A unit vector of the library's space. */
  encodeText(text: string): Promise<Float32Array>;
  readonly index: VectorStore;
  isSearchable(frameId: number): boolean;
}

/**
 * @param query  its fields were checked by the facade
 * @throws ERR_ARG_TYPE unless exactly one kind of query is given; ERR_NOT_FOUND for a frame that is not searchable; ERR_DIM_MISMATCH; encoder errors
 */
export async function resolveQuery(
  query: SearchQuery,
  sources: QuerySources,
): Promise<ResolvedQuery> {
  const given = (['text', 'image', 'frame', 'vector'] as const).filter(
    (kind) => query[kind] !== undefined,
  );
  if (given.length !== 1) {
    throw makeError(
      'ERR_ARG_TYPE',
      `a query must have exactly one of text, image, frame, vector; received ${given.join(' and ') || 'none'}`,
      { details: { given } },
    );
  }
  const started = performance.now();
  const done = (vector: Float32Array, label: string, self?: number): ResolvedQuery => ({
    vector,
    label,
    encodeMs: performance.now() - started,
    self,
  });
  if (query.text !== undefined) {
    return done(await sources.encodeText(query.text), query.text);
  }
  if (query.image !== undefined) {
    // Decoded in a child process like every file: hostile bytes stay out of this process, and the query is
    // normalized like the stored frames.
    const { jpeg } = await decodeImage({ bytes: query.image });
    return done(await sources.image.encode([jpeg]), '<image>');
  }
  if (query.frame !== undefined) {
    if (!sources.isSearchable(query.frame)) {
      throw makeError('ERR_NOT_FOUND', `frame ${query.frame} is not in this library`, {
        details: { frame: query.frame },
      });
    }
    const [vector] = await sources.index.get([query.frame]);
    if (vector !== undefined) return done(vector, `<frame ${query.frame}>`, query.frame);
    throw makeError(
      'ERR_NOT_FOUND',
      `frame ${query.frame} has no stored vector: run "sightline verify --repair"`,
      { details: { frame: query.frame } },
    );
  }
  return done(unit(query.vector as Float32Array, sources.index.dim), '<vector>');
}

function unit(vector: Float32Array, dim: number): Float32Array {
  if (!types.isFloat32Array(vector)) {
    throw makeError('ERR_ARG_TYPE', 'query vector must be a Float32Array');
  }
  checkPresent('query vector', vector);
  if (vector.length !== dim) {
    throw makeError(
      'ERR_DIM_MISMATCH',
      `query has ${vector.length} values, the library's space holds ${dim}`,
      { details: { received: vector.length, expected: dim } },
    );
  }
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (!Number.isFinite(sum) || sum === 0) {
    throw makeError('ERR_VECTOR_INVALID', 'query vector is zero or not finite');
  }
  const scale = 1 / Math.sqrt(sum);
  return vector.map((value) => value * scale);
}
