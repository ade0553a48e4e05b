/** Every limit on what a client can make the server do (RELIABILITY section 2.E). */

export interface ServerLimits {
  /** Time for a client to send its headers. */
  readonly headersTimeoutMs: number;
  /** Interval in which at least `bodyProgressBytes` of a body must arrive: half a kilobyte a second. */
  readonly bodyProgressMs: number;
  readonly bodyProgressBytes: number;
  /** Time for a client to send its whole request, however steadily: 20 MB at 46 kbit/s. */
  readonly requestTimeoutMs: number;
  /** Time an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Time after which a stalled connection is closed, for example of a reader that stopped. */
  readonly idleSocketTimeoutMs: number;
  readonly maxConnections: number;
  /** Above the connection limit, a socket idle for this long may be replaced by a new one. */
  readonly silentGraceMs: number;
  /**
   * Connections per address. Loopback is one address too, but many programs and a reverse proxy share it,
   * so it gets more.
   */
  readonly maxConnectionsPerAddress: number;
  readonly maxLoopbackConnections: number;
  /** Bytes of a JSON body. */
  readonly jsonBytes: number;
  /** Bytes of an uploaded picture. */
  readonly uploadBytes: number;
  /** Uploads held in memory at once; the rest is queued. */
  readonly activeUploads: number;
  /** Concurrent searches; the encoder's workers are the real limit, this keeps their queue short. */
  readonly activeSearches: number;
  /** Concurrent requests for embeddings. */
  readonly activeEmbeds: number;
  /** Queued searches; further ones get 503. */
  readonly queuedSearches: number;
  /** Wrong tokens per address and minute. */
  readonly wrongTokensPerMinute: number;
  /** How long `close()` lets running requests finish. */
  readonly closeGraceMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  headersTimeoutMs: 10_000,
  bodyProgressMs: 30_000,
  bodyProgressBytes: 16 * 1024,
  requestTimeoutMs: 3_600_000,
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

/** Bounds of request fields, used by the schemas and `/openapi.json`. */
/** Less than the API allows: each such search blocks the server (RELIABILITY E3). */
export const MAX_EF_SEARCH = 2000;
export const MAX_PATH_GLOB = 256;
export const MAX_VECTOR_DIM = 4096;
/** Texts or pictures per request for embeddings. */
export const MAX_EMBED_INPUTS = 256;
