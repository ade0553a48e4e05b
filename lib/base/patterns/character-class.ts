/** Character classes: `[a-z]`, `[!0-9]`, `[[:digit:]]`. */
import { types } from 'node:util';

export interface CharacterClass {
  /** Whether a folded character is in the class; `/` never is. */
  readonly has: (codePoint: number) => boolean;
  /** Index after the closing bracket. */
  readonly end: number;
}

/** Matching ignores case, so `lower` and `upper` are any letter. */
const NAMED: Readonly<Record<string, RegExp>> = {
  alnum: /[\p{L}\p{N}]/u,
  alpha: /\p{L}/u,
  digit: /[0-9]/,
  lower: /\p{L}/u,
  punct: /[\p{P}\p{S}]/u,
  space: /\s/u,
  upper: /\p{L}/u,
};

type Member = readonly [low: number, high: number] | RegExp;

/**
 * Parses the class whose `[` is at `start`; undefined when no closing bracket comes before the next `/`:
 * then the bracket is literal.
 */
export function readClass(pattern: string, start: number): CharacterClass | undefined {
  let at = start + 1;
  const isNegated = pattern[at] === '!' || pattern[at] === '^';
  if (isNegated) at++;
  const members: Member[] = [];
  for (let isFirst = true; ; isFirst = false) {
    const character = pattern[at];
    if (character === undefined || character === '/') return undefined;
    // A closing bracket right after the opening one is a member of the class.
    if (character === ']' && !isFirst) break;
    const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at, at + 12));
    const set = named && NAMED[named[1] as string];
    if (named && set) {
      members.push(set);
      at += named[0].length;
      continue;
    }
    const low = readMember(pattern, at);
    if (low === undefined) return undefined;
    at = low.end;
    const isRange = pattern[at] === '-' && pattern[at + 1] !== ']';
    const high = isRange ? readMember(pattern, at + 1) : low;
    if (high === undefined) return undefined;
    at = high.end;
    members.push([low.codePoint, high.codePoint]);
  }
  return { has: (codePoint) => isMember(members, codePoint) !== isNegated, end: at + 1 };
}

function readMember(pattern: string, at: number): { codePoint: number; end: number } | undefined {
  const place = pattern[at] === '\\' ? at + 1 : at;
  const codePoint = pattern.codePointAt(place);
  if (codePoint === undefined || codePoint === SLASH) return undefined;
  return { codePoint, end: place + (codePoint > 0xffff ? 2 : 1) };
}

const SLASH = 0x2f;

function isMember(members: readonly Member[], folded: number): boolean {
  const text = String.fromCodePoint(folded);
  // Ranges are kept as written: a folded `b` is not in `[A-Z]`, so its upper case is compared too.
  const upper = text.toUpperCase().codePointAt(0) as number;
  return members.some((member) =>
    types.isRegExp(member)
      ? member.test(text)
      : isBetween(folded, member) || isBetween(upper, member),
  );
}

const isBetween = (value: number, [low, high]: readonly [number, number]): boolean =>
  value >= low && value <= high;
