/**
 * Recognises `SELECT ... FROM files [WHERE ...] ORDER BY DISTANCE(column, ?, metric) LIMIT k`: the engine finds the candidates, and
 * the statement runs over these alone. Only statements whose answer is that of all rows are recognised: one SELECT over one view,
 * one sort key, no aggregate. Every other statement runs as it is. Vectors have unit length, so all metrics sort alike.
 */
import { isMark, isWord, nameOf, type Token } from './tokens';
import { VECTOR_COLUMNS } from './vectors';

export interface TopK {
  readonly column: string;
  /** Of the vector, among all question marks. */
  readonly place: number;
  /** Rows asked for, with those of OFFSET. */
  readonly rows: number;
  readonly hasWhere: boolean;
  /** WHERE asks for a smaller distance to the vector of that place, by the space's own metric. */
  readonly below: { readonly distance: number; readonly place: number } | undefined;
}

/** Functions of one row. */
const SCALAR = new Set(
  (
    'distance dot_product abs coalesce hex ifnull iif instr json_extract length like lower ltrim nullif printf format ' +
    'replace round rtrim sign substr substring trim typeof upper date datetime julianday strftime time'
  ).split(' '),
);

/** What makes a statement more than one list of rows. */
const NOT_SIMPLE = [
  'with',
  'union',
  'except',
  'intersect',
  'group',
  'having',
  'distinct',
  'window',
  'over',
  'join',
  'values',
  'filter',
];

const METRIC_OF: Readonly<Record<string, string>> = {
  metadata_embedding: 'cosine',
  channel_fingerprint: 'euclidean',
};

/** @param limits  values of parameters that are numbers, by place */
export function topKOf(
  tokens: readonly Token[],
  limits: (place: number) => unknown,
): TopK | undefined {
  const body = isMark(tokens.at(-1), ';') ? tokens.slice(0, -1) : tokens;
  if (body.filter((token) => isWord(token, 'select')).length !== 1 || !isWord(body[0], 'select'))
    return undefined;
  if (body.some((token) => isWord(token, ...NOT_SIMPLE))) return undefined;
  const isOther = (token: Token, at: number): boolean =>
    isMark(body[at + 1], '(') &&
    nameOf(token) !== undefined &&
    !SCALAR.has(token.text.toLowerCase()) &&
    !isWord(
      token,
      'and',
      'or',
      'not',
      'in',
      'where',
      'by',
      'then',
      'when',
      'else',
      'select',
      'as',
      'between',
    );
  if (body.some(isOther)) return undefined;
  const places = new Map(body.filter(({ kind }) => kind === 'param').map((token, i) => [token, i]));
  const from = body.findIndex((token) => isWord(token, 'from'));
  const order = body.findIndex((token) => isWord(token, 'order'));
  const limit = body.findIndex((token) => isWord(token, 'limit'));
  if (from < 0 || order < from || limit < order || nameOf(body[from + 1]) !== 'files')
    return undefined;
  const where = afterTable(body, from + 2);
  if (where === undefined || (where !== order && !isWord(body[where], 'where'))) return undefined;
  const rows = rowsOf(body.slice(limit), places, limits);
  const key = sortKey(body, order, limit, from, places);
  if (rows === undefined || key === undefined) return undefined;
  const hasWhere = where !== order;
  return {
    ...key,
    rows,
    hasWhere,
    below: hasWhere ? belowOf(body.slice(where + 1, order), key, places) : undefined,
  };
}

/** Behind the table and its alias. */
function afterTable(body: readonly Token[], at: number): number | undefined {
  const token = body[at];
  if (isWord(token, 'where', 'order')) return at;
  const alias = isWord(token, 'as') ? at + 1 : at;
  return nameOf(body[alias]) === undefined ? undefined : alias + 1;
}

/** `LIMIT n [OFFSET m]`. */
function rowsOf(
  tail: readonly Token[],
  places: ReadonlyMap<Token, number>,
  limits: (place: number) => unknown,
): number | undefined {
  const value = (token: Token | undefined): number => {
    const place = token && places.get(token);
    return Number(
      place === undefined ? (token?.kind === 'number' ? token.text : NaN) : limits(place),
    );
  };
  const isPlain = tail.length === 2 || (tail.length === 4 && isWord(tail[2], 'offset'));
  const rows = value(tail[1]) + (tail.length === 4 ? value(tail[3]) : 0);
  return isPlain && Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
}

type Key = Pick<TopK, 'column' | 'place'>;

/** `ORDER BY expression [ASC]`, where the expression is a distance or the name of a column that is one. */
function sortKey(
  body: readonly Token[],
  order: number,
  limit: number,
  from: number,
  places: ReadonlyMap<Token, number>,
): Key | undefined {
  if (!isWord(body[order + 1], 'by')) return undefined;
  let key = body.slice(order + 2, limit);
  const isDescending = isWord(key.at(-1), 'desc');
  if (isWord(key.at(-1), 'asc', 'desc')) key = key.slice(0, -1);
  const name = key.length === 1 ? nameOf(key[0]) : undefined;
  const call =
    name === undefined ? callAt(key, 0, places) : named(body.slice(1, from), name, places);
  if (call === undefined || (name === undefined && call.length !== key.length)) return undefined;
  return call.isProduct === isDescending ? call : undefined;
}

interface Call extends Key {
  /** Larger is closer. */
  readonly isProduct: boolean;
  readonly metric: string;
  /** Tokens. */
  readonly length: number;
}

/** The call that a column of the result is, by its name. */
function named(
  list: readonly Token[],
  name: string,
  places: ReadonlyMap<Token, number>,
): Call | undefined {
  for (let at = 0; at < list.length; at++) {
    const call = callAt(list, at, places);
    if (call === undefined) continue;
    const isWhole = at === 0 || isMark(list[at - 1], ',');
    const behind = at + call.length;
    const label = isWord(list[behind], 'as') ? behind + 1 : behind;
    const isEnd = label + 1 >= list.length || isMark(list[label + 1], ',');
    if (isWhole && isEnd && nameOf(list[label]) === name) return call;
  }
  return undefined;
}

/** `DISTANCE([alias .] column, ?[, 'metric'])` or `DOT_PRODUCT([alias .] column, ?)`, from `at` on. */
function callAt(
  list: readonly Token[],
  at: number,
  places: ReadonlyMap<Token, number>,
): Call | undefined {
  const word = list[at];
  const isDot = isWord(word, 'dot_product');
  if ((!isWord(word, 'distance') && !isDot) || !isMark(list[at + 1], '(')) return undefined;
  let next = at + 2;
  if (isMark(list[next + 1], '.')) next += 2;
  const column = nameOf(list[next]);
  const vector = list[next + 2];
  const place = vector && places.get(vector);
  if (
    column === undefined ||
    !VECTOR_COLUMNS.has(column) ||
    place === undefined ||
    !isMark(list[next + 1], ',')
  )
    return undefined;
  next += 3;
  let metric = isDot ? 'dot' : 'cosine';
  const given = list[next + 1];
  if (isMark(list[next], ',') && given?.kind === 'string') {
    metric = given.text;
    next += 2;
  }
  if (!isMark(list[next], ')')) return undefined;
  return { column, place, isProduct: isDot, metric, length: next + 1 - at };
}

/** `DISTANCE(...) < number`, joined to the rest by AND alone, over the same column. */
function belowOf(
  where: readonly Token[],
  key: Key,
  places: ReadonlyMap<Token, number>,
): TopK['below'] {
  if (where.some((token) => isWord(token, 'or', 'not', 'case', 'in', 'like', 'between')))
    return undefined;
  for (let at = 0; at < where.length; at++) {
    const call = callAt(where, at, places);
    if (call === undefined || call.column !== key.column || call.metric !== METRIC_OF[key.column])
      continue;
    const before = where[at - 1];
    const behind = where[at + call.length + 2];
    const bound = where[at + call.length + 1];
    const isAlone =
      (before === undefined || isWord(before, 'and')) &&
      (behind === undefined || isWord(behind, 'and'));
    const isLess = isMark(where[at + call.length], '<') || isMark(where[at + call.length], '<=');
    if (isAlone && isLess && bound?.kind === 'number')
      return { distance: Number(bound.text), place: call.place };
  }
  return undefined;
}
