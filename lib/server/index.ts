/**
 * HTTP over an open library: search, frames, videos, figures and the search page. Uses the facade
 * and nothing below it, except sharp for smaller copies of frames. Binds loopback unless asked
 * otherwise; what it refuses and why is in `limits.ts` and `guards/`.
 */
export { createServer, type ServerOptions } from './app';
export { DEFAULT_LIMITS, type ServerLimits } from './limits';
export { ndjsonLog, type Log, type LogEntry, type LogLevel } from './log';
export { startServer, type RunningServer, type StartOptions } from './start';
