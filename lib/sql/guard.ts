/**
 * What a statement may say. The connection is read-only and the process of its own; this look at the words comes before
 * both, gives the better message, and keeps the catalog's own tables out of reach on drivers without an authorizer.
 */
import { makeError } from '../base/errors';
import { isMark, isWord, nameOf, type Token } from './tokens';
import { VIEW_NAMES } from './views';

/** First words of statements that read. */
const READS = ['select', 'with', 'values'];

/** Unquoted words that only other statements have; some are functions too. */
const NOT_READS = [
  'alter',
  'analyze',
  'attach',
  'begin',
  'commit',
  'create',
  'delete',
  'detach',
  'drop',
  'explain',
  'insert',
  'pragma',
  'reindex',
  'release',
  'rollback',
  'savepoint',
  'update',
  'vacuum',
];

/** Functions that reach outside the library, or tell of its files. */
const REFUSED_NAMES = new Set([
  'load_extension',
  'readfile',
  'writefile',
  'edit',
  'dbstat',
  'fts3_tokenizer',
]);

/**
 * @param internal  the catalog's own tables and indexes, in lower case
 * @throws ERR_ARG_RANGE
 */
export function checkStatement(tokens: readonly Token[], internal: ReadonlySet<string>): void {
  const last = tokens.at(-1);
  const body = isMark(last, ';') ? tokens.slice(0, -1) : tokens;
  if (!isWord(body[0], ...READS))
    throw refused('a statement must begin with SELECT, WITH or VALUES', body[0]?.text ?? '');
  for (const [at, token] of body.entries()) {
    const before = body[at - 1];
    const after = body[at + 1];
    if (isMark(token, ';')) throw refused('one statement at a time', ';');
    const isColumn = isMark(before, '.');
    if (isWord(token, ...NOT_READS) && !isColumn && !isMark(after, '('))
      throw refused('the library is only read', token.text);
    // `replace(text, ...)` is a function of texts.
    if (isWord(token, 'replace') && !isMark(after, '('))
      throw refused('the library is only read', token.text);
    const name = nameOf(token);
    if (name === undefined) continue;
    if (REFUSED_NAMES.has(name) || /^(sqlite|pragma)_/.test(name))
      throw refused('that is not offered', token.text);
    if ((name === 'main' || name === 'temp') && isMark(after, '.'))
      throw refused('views have no schema', token.text);
    if (name.startsWith('__') || (internal.has(name) && !VIEW_NAMES.has(name)))
      throw refused(`the views are ${[...VIEW_NAMES].join(', ')}`, token.text);
  }
}

const refused = (why: string, word: string): Error =>
  makeError('ERR_ARG_RANGE', `SQL with "${word}" is refused: ${why}`, { details: { word } });
