/** One segment of a pattern (the part between two slashes) and how it is matched against a name. */
import { readClass, type CharacterClass } from './character-class';
import { foldPath } from './fold';

/** Whether `text` from `start` to `end`, one folded name, matches. */
export type SegmentMatcher = (text: string, start: number, end: number) => boolean;

/** The segment `**`: any number of names. */
export const ANY_NAMES = Symbol('**');

export type Segment = SegmentMatcher | typeof ANY_NAMES;

const STAR = Symbol('*');
const ONE = Symbol('?');
/** Literal text, folded. */
type Token = string | typeof STAR | typeof ONE | CharacterClass['has'];

/** Splits a pattern at its slashes and compiles each segment; an empty one is undefined. */
export function compileSegments(pattern: string): (Segment | undefined)[] {
  const segments: (Segment | undefined)[] = [];
  let tokens: Token[] = [];
  let stars = 0;
  const literal = (text: string): void => {
    const last = tokens.at(-1);
    if (typeof last === 'string') tokens[tokens.length - 1] = last + foldPath(text);
    else tokens.push(foldPath(text));
    stars = NaN;
  };
  const finish = (): void => {
    segments.push(stars >= 2 ? ANY_NAMES : tokens.length === 0 ? undefined : compile(tokens));
    tokens = [];
    stars = 0;
  };
  for (let at = 0; at < pattern.length;) {
    const character = String.fromCodePoint(pattern.codePointAt(at) as number);
    const set = character === '[' ? readClass(pattern, at) : undefined;
    at += character.length;
    if (set !== undefined) {
      tokens.push(set.has);
      stars = NaN;
      at = set.end;
    } else if (character === '/') finish();
    else if (character === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
      stars++;
    } else if (character === '?') {
      tokens.push(ONE);
      stars = NaN;
    } else if (character === '\\' && at < pattern.length) {
      const escaped = String.fromCodePoint(pattern.codePointAt(at) as number);
      at += escaped.length;
      if (escaped === '/') finish();
      else literal(escaped);
    } else literal(character);
  }
  finish();
  return segments;
}

/** Fast paths for the common shapes. */
function compile(tokens: readonly Token[]): SegmentMatcher {
  const [first, second] = tokens;
  if (tokens.length === 1) {
    if (first === STAR) return () => true;
    if (typeof first === 'string')
      return (text, start, end) => end - start === first.length && text.startsWith(first, start);
  }
  if (tokens.length === 2) {
    if (first === STAR && typeof second === 'string')
      return (text, start, end) =>
        end - start >= second.length && text.startsWith(second, end - second.length);
    if (typeof first === 'string' && second === STAR)
      return (text, start, end) => end - start >= first.length && text.startsWith(first, start);
  }
  return (text, start, end) => matchTokens(tokens, text, start, end);
}

/**
 * Backtracks only to the last star: the first match of the text between two stars is as good as any later
 * one, because the star after it takes the rest. So the worst case is the product of the two lengths.
 */
function matchTokens(tokens: readonly Token[], text: string, start: number, end: number): boolean {
  let place = 0;
  let at = start;
  let star = -1;
  let starAt = start;
  for (;;) {
    const token = tokens[place];
    if (token === STAR) {
      star = place++;
      starAt = at;
      if (place === tokens.length) return true;
      continue;
    }
    if (token === undefined) {
      if (at === end) return true;
    } else {
      // Too little text is left, and a later start would leave even less.
      if (at === end) return false;
      const taken = take(token, text, at, end);
      if (taken > 0) {
        at += taken;
        place++;
        continue;
      }
    }
    if (star < 0 || starAt >= end) return false;
    starAt += width(text, starAt);
    at = starAt;
    place = star + 1;
  }
}

/** Length of the text that the token matches; 0 for none. */
function take(token: Exclude<Token, typeof STAR>, text: string, at: number, end: number): number {
  if (typeof token === 'string')
    return end - at >= token.length && text.startsWith(token, at) ? token.length : 0;
  const fits = token === ONE || token(text.codePointAt(at) as number);
  return fits ? width(text, at) : 0;
}

const width = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
