/**
 * `require('sightline/server')`: HTTP over an open library: search, frames, videos, statistics and the search
 * page. Uses only the facade, plus sharp for thumbnails. Binds loopback by default; see `limits.ts` and
 * `guards/` for what it refuses and why.
 */
export type { ServerOptions } from './app';
export { createHandler, type HandlerOptions, type SightlineHandler } from './handler';
export { sightlinePlugin, type PluginOptions } from './plugin';
export { DEFAULT_LIMITS, type ServerLimits } from './limits';
export { ndjsonLog, type Log, type LogEntry, type LogLevel } from './log';
export type { Writer } from './model-change';
export { NO_SYNC, type SyncState } from './sync-state';
export { startServer, type RunningServer, type StartOptions } from './start';
