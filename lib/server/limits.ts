/** Every number that bounds what a client can make the server do (RELIABILITY section 2.E). */

export interface ServerLimits {
  /** A client must have sent its headers within this time. */
  readonly headersTimeoutMs: number;
  /** A client must have sent its whole request within this time. */
  readonly requestTimeoutMs: number;
  /** An idle connection is kept this long. */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which nothing moves, for example a reader that stopped, is cut after this. */
  readonly idleSocketTimeoutMs: number;
  readonly maxConnections: number;
  /** Where there are too many, one that has been silent for so long gives its place to a newcomer that asks. */
  readonly silentGraceMs: number;
  /**
   * Connections from one address. Loopback counts as one address too, but many programs and a
   * reverse proxy share it, so it gets more.
   */
  readonly maxConnectionsPerAddress: number;
  readonly maxLoopbackConnections: number;
  /** Bytes of a JSON body. */
  readonly jsonBytes: number;
  /** Bytes of an uploaded picture. */
  readonly uploadBytes: number;
  /** Uploads held in memory at once; the rest wait in line. */
  readonly activeUploads: number;
  /** Searches that run at once; the encoder's workers are the real limit, this keeps its line short. */
  readonly activeSearches: number;
  /** Requests for embeddings that are answered at once. */
  readonly activeEmbeds: number;
  /** Searches that wait; the next one gets 503. */
  readonly queuedSearches: number;
  /** Wrong tokens per address and minute. */
  readonly wrongTokensPerMinute: number;
  /** How long `close()` lets running requests finish. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 15_000,
  idleSocketTimeoutMs: 120_000,
  maxConnections: 512,
  silentGraceMs: 250,
  maxConnectionsPerAddress: 32,
  maxLoopbackConnections: 256,
  jsonBytes: 256 * 1024,
  uploadBytes: 20 * 1024 * 1024,
  activeUploads: 4,
  activeSearches: 8,
  activeEmbeds: 64,
  queuedSearches: 128,
  wrongTokensPerMinute: 10,
  closeGraceMs: 10_000,
};

/** Bounds of request fields; the schemas and so `/openapi.json` are made of these. */
/** Less than a program may ask for: each such search holds the server (RELIABILITY E3). */
export const MAX_EF_SEARCH = 2000;
export const MAX_PATH_GLOB = 256;
export const MAX_VECTOR_DIM = 4096;
/** Texts or pictures of one request for embeddings. */
export const MAX_EMBED_INPUTS = 256;
