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

/** Words that no table follows: a name is that of a column or an alias. */
const BEFORE_COLUMNS = [
  ...['as', 'by', 'select', 'distinct', 'where', 'and', 'or', 'not', 'on', 'having'],
  ...['case', 'when', 'then', 'else', 'between'],
];

/** SQLite takes a string for a name where it expects a table. */
function isTableString(token: Token, before: Token | undefined, after: Token | undefined): boolean {
  if (token.kind !== 'string') return false;
  const isPlace =
    isWord(before, 'from', 'join', 'in') || [',', '(', '.'].some((mark) => isMark(before, mark));
  return isPlace || isMark(after, '.');
}

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
    if (isTableString(token, before, after)) {
      const name = token.text.toLowerCase();
      const isSchema = /^(main|temp)$/.test(name) && isMark(after, '.');
      const isHidden = /^(sqlite_|pragma_|__)\w+$/.test(name) || name === 'dbstat';
      if (isSchema || isHidden || (internal.has(name) && !VIEW_NAMES.has(name)))
        throw refused(`the views are ${[...VIEW_NAMES].join(', ')}`, token.text);
    }
    const name = nameOf(token);
    if (name === undefined) continue;
    if (REFUSED_NAMES.has(name) || /^(sqlite|pragma)_/.test(name))
      throw refused('that is not offered', token.text);
    if ((name === 'main' || name === 'temp') && isMark(after, '.'))
      throw refused('views have no schema', token.text);
    const isInternal = internal.has(name) && !VIEW_NAMES.has(name);
    if (name.startsWith('__') || (isInternal && !isWord(before, ...BEFORE_COLUMNS)))
      throw refused(`the views are ${[...VIEW_NAMES].join(', ')}`, token.text);
  }
}

const refused = (why: string, word: string): Error =>
  makeError('ERR_ARG_RANGE', `SQL with "${word}" is refused: ${why}`, { details: { word } });
