/** Main file of the process that runs SQL: one request at a time. Started only by `SqlProcess`, which ends it when it takes too long. */
import { isLibraryError, makeError, messageOf, type LibraryError } from '../base/errors';
import { catalogError } from '../catalog/sqlite/sqlite';
import type { SqlReply, SqlRequest } from './protocol';
import { runSql } from './run';
import { VIEW_NAMES } from './views';

function replyTo(request: SqlRequest): SqlReply {
  try {
    return { id: request.id, answer: runSql(request) };
  } catch (error) {
    const { code, message } = isLibraryError(error) ? error : ofSqlite(error);
    return { id: request.id, code, message };
  }
}

/** In SQLite's own words: mostly what is wrong with the statement. */
function ofSqlite(error: unknown): LibraryError {
  const said = messageOf(error);
  if (/out of memory/i.test(said)) return makeError('ERR_NO_MEMORY', `SQL: ${said}`);
  const ofCatalog = catalogError(error);
  if (isLibraryError(ofCatalog) && ofCatalog.code !== 'ERR_CATALOG') return ofCatalog;
  if (/malformed|not a database/.test(said))
    return makeError('ERR_CATALOG', `SQL: ${said}; "sightline verify" says what is damaged`);
  const hint = /^no such table/.test(said) ? `; the views are ${[...VIEW_NAMES].join(', ')}` : '';
  return makeError('ERR_ARG_RANGE', `SQL: ${said}${hint}`);
}

process.on('message', (request: SqlRequest) => process.send?.(replyTo(request)));
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when its children stop.
process.on('SIGINT', () => undefined);
