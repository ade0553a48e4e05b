/** What scenes are made of. The order of each list numbers the training labels: append, never reorder. */

export type Rgb = readonly [number, number, number];

export const COLOURS = [
  'red',
  'orange',
  'yellow',
  'green',
  'blue',
  'purple',
  'pink',
  'brown',
  'black',
  'white',
  'gray',
  'turquoise',
] as const;
export type Colour = (typeof COLOURS)[number];

export const SHAPES = [
  'circle',
  'square',
  'triangle',
  'star',
  'heart',
  'cross',
  'diamond',
  'ring',
  'crescent',
  'arrow',
] as const;
export type Shape = (typeof SHAPES)[number];

export const PATTERNS = ['solid', 'striped', 'spotted', 'checkered'] as const;
export type Pattern = (typeof PATTERNS)[number];

export const SIZES = ['small', 'medium', 'large'] as const;
export type Size = (typeof SIZES)[number];

export const COUNTS = [1, 2, 3, 4] as const;
export type Count = (typeof COUNTS)[number];

export const COLUMNS = ['left', 'centre', 'right'] as const;
export type Column = (typeof COLUMNS)[number];

export const ROWS = ['top', 'middle', 'bottom'] as const;
export type RowName = (typeof ROWS)[number];

export const BACKGROUNDS = [
  'white',
  'black',
  'gray',
  'green',
  'blue',
  'yellow',
  'pink',
  'grass',
  'sky',
  'night',
  'sand',
  'wood',
  'snow',
  'water',
  'brick',
] as const;
export type Background = (typeof BACKGROUNDS)[number];

/** Renderers vary around these values. */
export const COLOUR_RGB: Readonly<Record<Colour, Rgb>> = {
  red: [214, 36, 38],
  orange: [246, 132, 28],
  yellow: [250, 214, 44],
  green: [44, 158, 66],
  blue: [38, 86, 214],
  purple: [128, 48, 176],
  pink: [250, 128, 184],
  brown: [118, 72, 38],
  black: [26, 26, 28],
  white: [247, 247, 245],
  gray: [134, 136, 140],
  turquoise: [34, 196, 196],
};

/**
 * The second colour of patterns: a tint of the first, so that a striped red shape is still red. The
 * greys are spaced so that black, gray and white stay distinct.
 */
export const SECOND_RGB: Readonly<Record<Colour, Rgb>> = {
  red: [255, 190, 185],
  orange: [255, 222, 180],
  yellow: [255, 248, 205],
  green: [190, 235, 190],
  blue: [185, 208, 255],
  purple: [226, 190, 246],
  pink: [255, 226, 240],
  brown: [214, 184, 152],
  black: [150, 150, 152],
  white: [92, 92, 96],
  gray: [218, 220, 222],
  turquoise: [196, 246, 246],
};

/** Mean colour of each background. */
export const BACKGROUND_RGB: Readonly<Record<Background, Rgb>> = {
  white: [252, 252, 252],
  black: [14, 14, 16],
  gray: [178, 180, 184],
  green: [146, 206, 146],
  blue: [120, 164, 228],
  yellow: [250, 236, 150],
  pink: [250, 204, 218],
  grass: [92, 150, 58],
  sky: [158, 202, 238],
  night: [18, 22, 58],
  sand: [224, 198, 142],
  wood: [164, 112, 66],
  snow: [232, 238, 246],
  water: [44, 112, 164],
  brick: [164, 78, 58],
};

/** Least distance in RGB between an item and its background. */
const MIN_CONTRAST = 105;

export function isVisibleOn(colour: Colour, background: Background): boolean {
  const a = COLOUR_RGB[colour];
  const b = BACKGROUND_RGB[background];
  const distance = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  return distance >= MIN_CONTRAST;
}
