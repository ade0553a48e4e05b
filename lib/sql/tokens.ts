/** SQL text as tokens, as far as a look at a statement needs: words, quoted names, strings, numbers, marks. */
import { makeError } from '../base/errors';

export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'blob' | 'param' | 'mark';
  /** Without quotes; words as they were written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A million statements are not read by anybody. */
export const MAX_SQL_LENGTH = 100_000;

const RULES: readonly (readonly [Token['kind'] | 'blank', RegExp])[] = [
  ['blank', /\s+|--[^\n]*|\/\*[\s\S]*?\*\//y],
  ['blob', /[xX]'[0-9a-fA-F]*'/y],
  ['string', /'(?:[^']|'')*'/y],
  ['name', /"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/y],
  ['number', /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['word', /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y],
  ['param', /\?\d*|[:@$][A-Za-z_]\w*/y],
  ['mark', /\|\||<<|>>|<=|>=|<>|!=|==|->>|->|[^\s]/y],
];

/** @throws ERR_ARG_RANGE for text that is too long, holds a NUL, or ends within quotes */
export function tokensOf(sql: string): Token[] {
  if (sql.length > MAX_SQL_LENGTH || sql.includes('\0')) {
    throw makeError(
      'ERR_ARG_RANGE',
      `SQL must have at most ${MAX_SQL_LENGTH} characters and no NUL`,
      { details: { length: sql.length } },
    );
  }
  const tokens: Token[] = [];
  for (let at = 0; at < sql.length;) {
    const [kind, raw] = next(sql, at);
    if (kind !== 'blank') {
      if (kind === 'mark' && /["'`[]/.test(raw))
        throw makeError('ERR_ARG_RANGE', `SQL: the ${raw} at character ${at + 1} is not closed`);
      tokens.push({ kind, text: unquoted(kind, raw), start: at, end: at + raw.length });
    }
    at += raw.length;
  }
  return tokens;
}

function next(sql: string, at: number): [Token['kind'] | 'blank', string] {
  for (const [kind, pattern] of RULES) {
    pattern.lastIndex = at;
    const found = pattern.exec(sql)?.[0];
    if (found !== undefined) return [kind, found];
  }
  return ['mark', sql.charAt(at)];
}

function unquoted(kind: Token['kind'] | 'blank', raw: string): string {
  if (kind !== 'name' && kind !== 'string') return raw;
  const inner = raw.slice(1, -1);
  const quote = raw.charAt(0);
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote);
}

/** A word, not quoted: a keyword, or a plain name. */
export const isWord = (token: Token | undefined, ...words: readonly string[]): boolean =>
  token?.kind === 'word' && words.includes(token.text.toLowerCase());

export const isMark = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'mark' && token.text === text;

/** A name of a table or column, quoted or not, in lower case. */
export const nameOf = (token: Token | undefined): string | undefined =>
  token?.kind === 'word' || token?.kind === 'name' ? token.text.toLowerCase() : undefined;
