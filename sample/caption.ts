/**
 * Captions of scenes. The `Claim` of a caption tells which scenes it is true of, so that training and
 * tests know every right answer to a short query, not only the scene it was made from.
 */
import { Random } from './random';
import type { ObjectGroup, Scene } from './scene';
import type {
  Background,
  Colour,
  Column,
  Count,
  Pattern,
  RowName,
  Shape,
  Size,
} from './vocabulary';
import {
  BACKGROUND_NOUNS,
  BACKGROUND_PHRASES,
  COLOUR_WORDS,
  columnPhrases,
  COUNT_WORDS,
  PATTERN_WORDS,
  placePhrases,
  rowPhrases,
  SHAPE_WORDS,
  SIZE_WORDS,
  THING_WORDS,
} from './words';

/** Attributes claimed of one group; absent ones may have any value. */
export interface GroupClaim {
  readonly colour?: Colour;
  readonly shape?: Shape;
  readonly pattern?: Pattern;
  readonly size?: Size;
  readonly count?: Count;
  readonly column?: Column;
  readonly row?: RowName;
}

export interface Claim {
  readonly groups: readonly GroupClaim[];
  readonly background?: Background;
}

export interface Caption {
  readonly text: string;
  readonly claim: Claim;
}

const ATTRIBUTES = ['colour', 'shape', 'pattern', 'size', 'count', 'column', 'row'] as const;

/** True if the scene has every claimed group. */
export function isTrueOf(claim: Claim, scene: Scene): boolean {
  if (claim.background !== undefined && claim.background !== scene.background) return false;
  return claim.groups.every((wanted) =>
    scene.groups.some((group) =>
      ATTRIBUTES.every((key) => wanted[key] === undefined || wanted[key] === group[key]),
    ),
  );
}

/** The caption used in measurements: every attribute, in canonical words. */
export function canonicalCaption(scene: Scene): string {
  const parts = scene.groups.map((group) => {
    const noun = groupPhrase(null, group, {});
    return `${noun} ${placePhrases(group.column, group.row)[0] as string}`;
  });
  return `${joinParts(parts)} ${BACKGROUND_PHRASES[scene.background][0] as string}`;
}

/** A caption of every attribute, in varied words and order. */
export function fullCaption(seed: number, scene: Scene): Caption {
  const random = new Random(seed);
  const claim: Claim = { groups: scene.groups.map(everythingOf), background: scene.background };
  if (random.chance(0.3)) return { text: canonicalCaption(scene), claim };
  const parts = random.shuffled(scene.groups).map((group) => {
    const noun = groupPhrase(random, group, {
      omitSolid: random.chance(0.5),
      omitMedium: random.chance(0.4),
    });
    return `${noun} ${favourFirst(random, placePhrases(group.column, group.row))}`;
  });
  const place = favourFirst(random, BACKGROUND_PHRASES[scene.background]);
  const body = random.chance(0.3) ? parts.join(', ') : joinParts(parts);
  const text = random.chance(0.15) ? `${place}, ${body}` : `${body} ${place}`;
  return { text: opening(random) + text, claim };
}

/** A caption like a typed query: one or two groups, few attributes, perhaps the background. */
export function partialCaption(seed: number, scene: Scene): Caption {
  const random = new Random(seed);
  if (random.chance(0.08)) {
    const text = random.pick(BACKGROUND_NOUNS[scene.background]);
    return { text, claim: { groups: [], background: scene.background } };
  }
  const total = scene.groups.length > 1 && random.chance(0.3) ? 2 : 1;
  const chosen = random.shuffled(scene.groups).slice(0, total);
  const described = chosen.map((group) => partOf(random, group));
  let text = joinParts(described.map((part) => part.text));
  const claim: { groups: GroupClaim[]; background?: Background } = {
    groups: described.map((part) => part.claim),
  };
  if (random.chance(0.28)) {
    claim.background = scene.background;
    text += ` ${favourFirst(random, BACKGROUND_PHRASES[scene.background])}`;
  }
  return { text: opening(random) + text, claim };
}

export function everythingOf(group: ObjectGroup): GroupClaim {
  const { colour, shape, pattern, size, count, column, row } = group;
  return { colour, shape, pattern, size, count, column, row };
}

function partOf(random: Random, group: ObjectGroup): { text: string; claim: GroupClaim } {
  const kind = random.weighted([['both', 62], ['shape', 20], ['colour', 18]] as const); // prettier-ignore
  const says = {
    colour: kind !== 'shape',
    shape: kind !== 'colour',
    pattern: random.chance(0.3),
    size: random.chance(0.22),
    count: random.chance(0.5),
  };
  const claim: { -readonly [K in keyof GroupClaim]: GroupClaim[K] } = {};
  if (says.colour) claim.colour = group.colour;
  if (says.shape) claim.shape = group.shape;
  if (says.pattern) claim.pattern = group.pattern;
  if (says.size) claim.size = group.size;
  if (says.count) claim.count = group.count;
  let text = groupPhrase(random, claim, { plural: group.count > 1 });
  if (kind === 'colour' && !says.count && !says.pattern && !says.size && random.chance(0.5)) {
    text = favourFirst(random, COLOUR_WORDS[group.colour]);
  }
  if (random.chance(0.25)) {
    const how = random.int(3);
    if (how !== 1 && (how === 2 || group.column !== 'centre')) claim.column = group.column;
    if (how !== 0 && (how === 2 || group.row !== 'middle')) claim.row = group.row;
    if (claim.column !== undefined && claim.row !== undefined) {
      text += ` ${favourFirst(random, placePhrases(claim.column, claim.row))}`;
    } else if (claim.column !== undefined) {
      text += ` ${favourFirst(random, columnPhrases(claim.column))}`;
    } else if (claim.row !== undefined) {
      text += ` ${favourFirst(random, rowPhrases(claim.row))}`;
    }
  }
  return { text, claim };
}

interface PhraseOptions {
  readonly omitSolid?: boolean;
  readonly omitMedium?: boolean;
  /** Number of the noun if the claim has no count. */
  readonly plural?: boolean;
}

/** A noun phrase; in canonical words without `random`. */
function groupPhrase(random: Random | null, claim: GroupClaim, options: PhraseOptions): string {
  const say = (words: readonly string[]): string =>
    random === null ? (words[0] as string) : favourFirst(random, words);
  const words: string[] = [];
  const after: string[] = [];
  if (claim.size !== undefined && !(claim.size === 'medium' && options.omitMedium)) {
    words.push(say(SIZE_WORDS[claim.size]));
  }
  if (claim.pattern !== undefined && !(claim.pattern === 'solid' && options.omitSolid)) {
    const pattern = PATTERN_WORDS[claim.pattern];
    if (random?.chance(0.2) && pattern.after.length > 0) after.push(say(pattern.after));
    else words.push(say(pattern.before));
  }
  if (claim.colour !== undefined) words.push(say(COLOUR_WORDS[claim.colour]));
  const nouns = claim.shape === undefined ? THING_WORDS : SHAPE_WORDS[claim.shape];
  const noun = random === null || random.chance(0.6) ? nouns[0] : random.pick(nouns);
  const isPlural = claim.count === undefined ? options.plural === true : claim.count > 1;
  words.push((noun as readonly [string, string])[isPlural ? 1 : 0], ...after);
  if (claim.count === undefined) return words.join(' ');
  if (claim.count === 1 && (random === null || random.chance(0.85))) {
    return `${/^[aeiou]/.test(words[0] as string) ? 'an' : 'a'} ${words.join(' ')}`;
  }
  return `${say(COUNT_WORDS[claim.count - 1] as readonly string[])} ${words.join(' ')}`;
}

function favourFirst(random: Random, words: readonly string[]): string {
  return random.chance(0.5) ? (words[0] as string) : random.pick(words);
}

function joinParts(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1] as string}`;
}

function opening(random: Random): string {
  if (random.chance(0.8)) return '';
  return random.pick(['a picture of ', 'a photo of ', 'an image of ', 'picture with ', 'a scene with ', 'there is ', 'show me ']); // prettier-ignore
}
