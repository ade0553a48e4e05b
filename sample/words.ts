/** Words for the contents of scenes. The first of each list is canonical, the others synonyms. */
import type { Background, Colour, Column, Pattern, RowName, Shape, Size } from './vocabulary';

export const COLOUR_WORDS: Readonly<Record<Colour, readonly string[]>> = {
  red: ['red', 'crimson', 'scarlet'],
  orange: ['orange'],
  yellow: ['yellow', 'golden'],
  green: ['green'],
  blue: ['blue'],
  purple: ['purple', 'violet'],
  pink: ['pink'],
  brown: ['brown'],
  black: ['black'],
  white: ['white'],
  gray: ['gray', 'grey'],
  turquoise: ['turquoise', 'teal', 'cyan'],
};

/** Singular and plural. */
export const SHAPE_WORDS: Readonly<Record<Shape, readonly (readonly [string, string])[]>> = {
  circle: [
    ['circle', 'circles'],
    ['disc', 'discs'],
    ['disk', 'disks'],
    ['ball', 'balls'],
    ['round', 'rounds'],
  ],
  square: [
    ['square', 'squares'],
    ['box', 'boxes'],
  ],
  triangle: [['triangle', 'triangles']],
  star: [['star', 'stars']],
  heart: [['heart', 'hearts']],
  cross: [
    ['cross', 'crosses'],
    ['plus', 'pluses'],
    ['plus sign', 'plus signs'],
  ],
  diamond: [
    ['diamond', 'diamonds'],
    ['rhombus', 'rhombuses'],
  ],
  ring: [
    ['ring', 'rings'],
    ['donut', 'donuts'],
    ['hoop', 'hoops'],
  ],
  crescent: [
    ['crescent', 'crescents'],
    ['moon', 'moons'],
    ['crescent moon', 'crescent moons'],
  ],
  arrow: [['arrow', 'arrows']],
};

/** Used when the caption names no shape. */
export const THING_WORDS: readonly (readonly [string, string])[] = [
  ['shape', 'shapes'],
  ['object', 'objects'],
  ['thing', 'things'],
];

/** Adjectives, and phrases after the noun. */
export const PATTERN_WORDS: Readonly<
  Record<Pattern, { before: readonly string[]; after: readonly string[] }>
> = {
  solid: { before: ['solid', 'plain'], after: [] },
  striped: { before: ['striped', 'stripy', 'stripey'], after: ['with stripes'] },
  spotted: { before: ['spotted', 'dotted', 'polka dot'], after: ['with dots', 'with spots'] },
  checkered: {
    before: ['checkered', 'chequered', 'checked', 'checkerboard'],
    after: ['with checks'],
  },
};

export const SIZE_WORDS: Readonly<Record<Size, readonly string[]>> = {
  small: ['small', 'tiny', 'little'],
  medium: ['medium', 'medium sized', 'mid sized'],
  large: ['large', 'big', 'huge', 'giant'],
};

export const COUNT_WORDS: readonly (readonly string[])[] = [
  ['one', '1', 'a single'],
  ['two', '2', 'a pair of'],
  ['three', '3'],
  ['four', '4'],
];

const EDGES: Readonly<Record<RowName, readonly string[]>> = {
  top: ['top', 'upper'],
  middle: ['middle', 'center'],
  bottom: ['bottom', 'lower'],
};

/** Phrases for a cell of the 3 x 3 grid. */
export function placePhrases(column: Column, row: RowName): readonly string[] {
  if (row === 'middle' && column === 'centre') {
    return ['in the center', 'in the middle', 'in the centre', 'at the center'];
  }
  if (row === 'middle') return columnPhrases(column);
  if (column === 'centre') return rowPhrases(row);
  return EDGES[row].flatMap((edge) => [
    `at the ${edge} ${column}`,
    `in the ${edge} ${column} corner`,
    `${edge} ${column}`,
  ]);
}

export function columnPhrases(column: Column): readonly string[] {
  return column === 'centre'
    ? ['in the center', 'in the middle']
    : [`on the ${column}`, `at the ${column}`, `on the ${column} side`];
}

export function rowPhrases(row: RowName): readonly string[] {
  return row === 'middle' ? ['in the middle'] : [`at the ${row}`, `near the ${row}`];
}

/** Phrases at the end of a caption. */
export const BACKGROUND_PHRASES: Readonly<Record<Background, readonly string[]>> = {
  white: plain('white'),
  black: plain('black'),
  gray: [...plain('gray'), 'on a grey background'],
  green: plain('green'),
  blue: plain('blue'),
  yellow: plain('yellow'),
  pink: plain('pink'),
  grass: ['on grass', 'on a lawn', 'on a meadow', 'in the grass'],
  sky: ['in the sky', 'in a blue sky', 'in front of clouds', 'in the cloudy sky'],
  night: ['at night', 'in the night sky', 'under a starry sky', 'in the dark'],
  sand: ['on sand', 'on the beach', 'on a sandy beach', 'in the desert'],
  wood: ['on wood', 'on a wooden table', 'on a wooden floor'],
  snow: ['in the snow', 'on snow', 'in winter'],
  water: ['on water', 'in the water', 'on the sea', 'in the ocean'],
  brick: ['on a brick wall', 'on bricks', 'in front of a brick wall'],
};

/** Phrases for queries by background alone. */
export const BACKGROUND_NOUNS: Readonly<Record<Background, readonly string[]>> = {
  white: ['white background'],
  black: ['black background'],
  gray: ['gray background', 'grey background'],
  green: ['green background'],
  blue: ['blue background'],
  yellow: ['yellow background'],
  pink: ['pink background'],
  grass: ['grass', 'a lawn', 'meadow'],
  sky: ['sky', 'clouds', 'the blue sky'],
  night: ['night', 'night sky', 'starry sky'],
  sand: ['sand', 'beach', 'desert'],
  wood: ['wood', 'wooden table'],
  snow: ['snow', 'winter'],
  water: ['water', 'sea', 'ocean'],
  brick: ['brick wall', 'bricks'],
};

function plain(name: string): readonly string[] {
  return [`on a ${name} background`, `on ${name}`, `in front of a ${name} background`];
}
