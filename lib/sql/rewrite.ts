/**
 * What is done to a statement before it runs: calls of nearest() become tables of hits that the engine has found, and vectors in
 * calls of DISTANCE become references (see `vectors.ts`). Pure; works on tokens, so strings and comments stay as they are.
 */
import { makeError } from '../base/errors';
import { isMark, isWord, nameOf, type Token } from './tokens';
import { VECTOR_COLUMNS } from './vectors';

/** A call `nearest('space', vector, k)`; indexes are places of question marks. */
export interface NearestCall {
  readonly space: Argument;
  readonly vector: Argument;
  readonly k: Argument;
}

export type Argument = { readonly place: number } | { readonly literal: string };

export interface Rewritten {
  readonly sql: string;
  readonly fastSql: string | undefined;
  readonly nearest: readonly NearestCall[];
  /** Places of the parameters that are left, in their order. */
  readonly kept: readonly number[];
  /** Of those, which are vectors of DISTANCE; by their place in `kept`. */
  readonly vectorPlaces: readonly number[];
  /** For each parameter of the statement the vector column it is compared with. */
  readonly comparedWith: ReadonlyMap<number, string>;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** @throws ERR_ARG_RANGE for other parameters than `?`, and a nearest() that is no table of three arguments */
export function rewrite(sql: string, tokens: readonly Token[]): Rewritten {
  const places = placesOf(tokens);
  const nearest: NearestCall[] = [];
  const tables: Edit[] = [];
  const columns: Edit[] = [];
  const taken = new Set<number>();
  const asVectors = new Set<number>();
  const comparedWith = new Map<number, string>();
  tokens.forEach((token, at) => {
    if (!isMark(tokens[at + 1], '(') || isMark(tokens[at - 1], '.')) return;
    if (isWord(token, 'nearest')) {
      const { call, end } = readNearest(tokens, at, places);
      const from = `(SELECT rank, id, id AS file_id, id AS frame_id, distance FROM temp.__nearest_${nearest.length})`;
      tables.push({ start: token.start, end, text: from });
      nearest.push(call);
      for (const argument of Object.values(call) as Argument[])
        if ('place' in argument) taken.add(argument.place);
    } else if (isWord(token, 'distance', 'dot_product')) {
      const args = vectorArguments(tokens, at + 2);
      const column = args.map(({ name }) => name).find((name) => name !== undefined);
      for (const { token: argument, name } of args) {
        const place = places.get(argument);
        if (place !== undefined) {
          asVectors.add(place);
          if (column !== undefined) comparedWith.set(place, column);
        } else if (name !== undefined) {
          columns.push({ start: argument.start, end: argument.end, text: `__${name}` });
        }
      }
    }
  });
  const kept = [...places.values()].filter((place) => !taken.has(place));
  return {
    sql: edited(sql, tables),
    fastSql: columns.length === 0 ? undefined : edited(sql, [...tables, ...columns]),
    nearest,
    kept,
    vectorPlaces: kept.flatMap((place, i) => (asVectors.has(place) ? [i] : [])),
    comparedWith,
  };
}

function placesOf(tokens: readonly Token[]): Map<Token, number> {
  const places = new Map<Token, number>();
  for (const token of tokens.filter(({ kind }) => kind === 'param')) {
    if (token.text !== '?')
      throw makeError(
        'ERR_ARG_RANGE',
        `SQL: "${token.text}" is refused: parameters are question marks, in their order`,
      );
    places.set(token, places.size);
  }
  return places;
}

/** The first two arguments, where they are a column or a question mark. */
function vectorArguments(
  tokens: readonly Token[],
  from: number,
): { token: Token; name: string | undefined }[] {
  const found: { token: Token; name: string | undefined }[] = [];
  let at = from;
  for (let argument = 0; argument < 2; argument++) {
    // One token, or `alias.column`.
    const isQualified = isMark(tokens[at + 1], '.');
    const token = tokens[isQualified ? at + 2 : at];
    const end = tokens[isQualified ? at + 3 : at + 1];
    if (token === undefined || !(isMark(end, ',') || isMark(end, ')'))) return found;
    const name = nameOf(token);
    if (name !== undefined && VECTOR_COLUMNS.has(name)) found.push({ token, name });
    else if (token.kind === 'param') found.push({ token, name: undefined });
    at += isQualified ? 4 : 2;
  }
  return found;
}

function readNearest(
  tokens: readonly Token[],
  at: number,
  places: ReadonlyMap<Token, number>,
): { call: NearestCall; end: number } {
  const args: Argument[] = [];
  for (let next = at + 2, i = 0; i < 3; i++, next += 2) {
    const token = tokens[next];
    const end = tokens[next + 1];
    const place = token && places.get(token);
    if (token === undefined || !isMark(end, i === 2 ? ')' : ',')) break;
    if (place !== undefined) args.push({ place });
    else if (token.kind === 'string' || token.kind === 'number') args.push({ literal: token.text });
  }
  const [space, vector, k] = args;
  const end = tokens[at + 7];
  const before = tokens[at - 1];
  if (
    space === undefined ||
    vector === undefined ||
    k === undefined ||
    end === undefined ||
    !(isWord(before, 'from', 'join') || isMark(before, ','))
  )
    throw makeError(
      'ERR_ARG_RANGE',
      "SQL: nearest('space', vector, k) is a table: after FROM or JOIN, each argument a literal or ?",
    );
  return { call: { space, vector, k }, end: end.end };
}

function edited(sql: string, edits: readonly Edit[]): string {
  let text = '';
  let at = 0;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => a.start - b.start)) {
    text += sql.slice(at, start) + replacement;
    at = end;
  }
  return text + sql.slice(at);
}
