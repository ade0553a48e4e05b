/** Main file of the process that runs SQL: one request at a time. Started only by `SqlProcess`, which ends it when it takes too long. */
import { isLibraryError, makeError, messageOf } from '../base/errors';
import { catalogError } from '../catalog/sqlite/sqlite';
import type { SqlReply, SqlRequest } from './protocol';
import { runSql } from './run';

function replyTo(request: SqlRequest): SqlReply {
  try {
    return { id: request.id, answer: runSql(request) };
  } catch (error) {
    const said = messageOf(error);
    const ours = isLibraryError(error) ? error : catalogError(error);
    const isMemory = /out of memory/i.test(said);
    if (isLibraryError(ours) && ours.code !== 'ERR_CATALOG' && !isMemory)
      return { id: request.id, code: ours.code, message: ours.message };
    // SQLite's own words: what is wrong with the statement.
    const { code, message } = makeError(
      isMemory ? 'ERR_NO_MEMORY' : 'ERR_ARG_RANGE',
      `SQL: ${said}`,
    );
    return { id: request.id, code, message };
  }
}

process.on('message', (request: SqlRequest) => process.send?.(replyTo(request)));
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when its children stop.
process.on('SIGINT', () => undefined);
