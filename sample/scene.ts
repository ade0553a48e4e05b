/** Scenes as plain data: up to three groups of equal items on a background. Pure: a seed decides all. */
import { makeError } from '../lib/base/errors';
import { hashText, Random } from './random';
import {
  BACKGROUNDS,
  COLOURS,
  COLUMNS,
  isVisibleOn,
  PATTERNS,
  ROWS,
  SHAPES,
  type Background,
  type Colour,
  type Column,
  type Count,
  type Pattern,
  type RowName,
  type Shape,
  type Size,
} from './vocabulary';

/** `x` and `y` are fractions of width and height, `radius` of the shorter side. */
export interface Item {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Degrees, clockwise; small, so that a square does not become a diamond. */
  readonly rotation: number;
}

/** `count` equal items. */
export interface ObjectGroup {
  readonly colour: Colour;
  readonly shape: Shape;
  readonly pattern: Pattern;
  readonly size: Size;
  readonly count: Count;
  /** Position of the group's center. */
  readonly column: Column;
  readonly row: RowName;
  readonly items: readonly Item[];
}

export interface Scene {
  /** Decides every detail of drawing that a caption does not mention. */
  readonly seed: number;
  /** Width divided by height. */
  readonly aspect: number;
  readonly background: Background;
  /** 1..3 groups; no two share both colour and shape. */
  readonly groups: readonly ObjectGroup[];
}

/** `any` is for demos, not for training or measurements. */
export type Split = 'train' | 'held-out' | 'any';

export interface SceneOptions {
  readonly split?: Split;
  /** Number of groups; default 1..3 at random. */
  readonly groups?: 1 | 2 | 3;
  /** Items per group; default 1..4 at random. */
  readonly count?: Count;
  readonly aspect?: number;
  readonly background?: Background;
  readonly colour?: Colour;
  readonly shape?: Shape;
}

type Wish = Omit<ObjectGroup, 'items'>;

/** Share of the 480 combinations of colour, shape and pattern that training never sees. */
const HELD_OUT_PERCENT = 13;

export function isHeldOut(colour: Colour, shape: Shape, pattern: Pattern): boolean {
  return hashText(`${colour}/${shape}/${pattern}`) % 100 < HELD_OUT_PERCENT;
}

export function isInSplit(split: Split, colour: Colour, shape: Shape, pattern: Pattern): boolean {
  return split === 'any' || isHeldOut(colour, shape, pattern) === (split === 'held-out');
}

/**
 * A random scene.
 *
 * @param seed  any integer
 * @throws ERR_ARG_RANGE when the options leave nothing to draw
 */
export function randomScene(seed: number, options: SceneOptions = {}): Scene {
  const random = new Random(seed);
  const aspect = options.aspect ?? random.weighted([[1, 3], [4 / 3, 4], [3 / 4, 1], [16 / 9, 1]]); // prettier-ignore
  for (let attempt = 0; attempt < 400; attempt++) {
    const background = options.background ?? random.pick(BACKGROUNDS);
    const total = options.groups ?? random.weighted([[1, 40], [2, 40], [3, 20]] as const); // prettier-ignore
    const wishes = randomWishes(random, total, background, options);
    if (wishes === null) continue;
    const groups = layOut(random, wishes, aspect);
    if (groups !== null) return { seed, aspect, background, groups };
  }
  throw makeError('ERR_ARG_RANGE', `no scene fits the options ${JSON.stringify(options)}`);
}

/**
 * A hard negative for training: `scene` with two colours swapped or one attribute changed; with only a
 * new seed if no change fits.
 */
export function siblingScene(seed: number, scene: Scene, split: Split): Scene {
  const random = new Random(seed);
  for (let attempt = 0; attempt < 40; attempt++) {
    const changed = random.chance(0.45) ? swapped(random, scene) : altered(random, scene);
    if (changed === null || !isPossible(changed.wishes, changed.background, split)) continue;
    const groups = layOut(random, changed.wishes, scene.aspect);
    if (groups !== null) return { ...scene, seed, background: changed.background, groups };
  }
  return { ...scene, seed };
}

function randomWishes(
  random: Random,
  total: number,
  background: Background,
  options: SceneOptions,
): Wish[] | null {
  const wishes: Wish[] = [];
  for (let i = 0; i < total; i++) {
    const count = options.count ?? random.weighted([[1, 60], [2, 16], [3, 14], [4, 10]] as const); // prettier-ignore
    wishes.push({
      colour: i === 0 && options.colour ? options.colour : random.pick(COLOURS),
      shape: i === 0 && options.shape ? options.shape : random.pick(SHAPES),
      pattern: random.weighted([['solid', 40], ['striped', 20], ['spotted', 20], ['checkered', 20]] as const), // prettier-ignore
      size: randomSize(random, count),
      count,
      column: random.pick(COLUMNS),
      row: random.pick(ROWS),
    });
  }
  return isPossible(wishes, background, options.split ?? 'any') ? wishes : null;
}

function randomSize(random: Random, count: Count): Size {
  return count > 1 ? random.pick(['small', 'medium']) : random.pick(['small', 'medium', 'large']);
}

function swapped(random: Random, scene: Scene): { wishes: Wish[]; background: Background } | null {
  const [a, b, ...rest] = random.shuffled(scene.groups);
  if (a === undefined || b === undefined) return null;
  const what = random.weighted([['colour', 4], ['pattern', 2], ['shape', 2], ['place', 2]] as const); // prettier-ignore
  const pair: [Wish, Wish] =
    what === 'place'
      ? [
          { ...a, column: b.column, row: b.row },
          { ...b, column: a.column, row: a.row },
        ]
      : [
          { ...a, [what]: b[what] },
          { ...b, [what]: a[what] },
        ];
  return { wishes: [...pair, ...rest], background: scene.background };
}

function altered(random: Random, scene: Scene): { wishes: Wish[]; background: Background } | null {
  const wishes: Wish[] = [...scene.groups];
  const index = random.int(wishes.length);
  const group = wishes[index] as Wish;
  let background = scene.background;
  switch (random.int(7)) {
    case 0:
      wishes[index] = { ...group, colour: random.pick(COLOURS) };
      break;
    case 1:
      wishes[index] = { ...group, shape: random.pick(SHAPES) };
      break;
    case 2:
      wishes[index] = { ...group, pattern: random.pick(PATTERNS) };
      break;
    case 3:
      wishes[index] = { ...group, size: randomSize(random, group.count) };
      break;
    case 4: {
      const count = random.pick([1, 2, 3, 4] as const);
      wishes[index] = { ...group, count, size: randomSize(random, count) };
      break;
    }
    case 5:
      wishes[index] = { ...group, column: random.pick(COLUMNS), row: random.pick(ROWS) };
      break;
    default:
      background = random.pick(BACKGROUNDS);
  }
  return { wishes, background };
}

function isPossible(wishes: readonly Wish[], background: Background, split: Split): boolean {
  const kinds = new Set(wishes.map((wish) => `${wish.colour} ${wish.shape}`));
  const places = new Set(wishes.map((wish) => `${wish.column} ${wish.row}`));
  return (
    kinds.size === wishes.length &&
    places.size === wishes.length &&
    wishes.every(
      (wish) =>
        isVisibleOn(wish.colour, background) &&
        isInSplit(split, wish.colour, wish.shape, wish.pattern),
    )
  );
}

/** Places all items; null if one would overlap another or leave its cell. */
function layOut(random: Random, wishes: readonly Wish[], aspect: number): ObjectGroup[] | null {
  const width = Math.max(1, aspect);
  const height = Math.max(1, 1 / aspect);
  const groups: ObjectGroup[] = [];
  const placed: { x: number; y: number; radius: number }[] = [];
  for (const wish of wishes) {
    const radius = RADIUS[wish.count > 1 ? 'many' : 'one'][wish.size] * random.range(0.93, 1.08);
    const offsets = arrangement(random, wish.count, radius);
    const reachX = Math.max(...offsets.map(([dx]) => Math.abs(dx))) + radius + 0.015;
    const reachY = Math.max(...offsets.map(([, dy]) => Math.abs(dy))) + radius + 0.015;
    const x = clamp(
      ANCHOR[wish.column] * width + random.range(-0.05, 0.05),
      reachX,
      width - reachX,
    );
    const y = clamp(ANCHOR[wish.row] * height + random.range(-0.05, 0.05), reachY, height - reachY);
    if (thirdOf(x / width) !== COLUMNS.indexOf(wish.column)) return null;
    if (thirdOf(y / height) !== ROWS.indexOf(wish.row)) return null;
    const rotation = random.range(-11, 11);
    const items: Item[] = [];
    for (const [dx, dy] of offsets) {
      const spot = { x: x + dx, y: y + dy, radius };
      for (const other of placed) {
        const gap = Math.hypot(spot.x - other.x, spot.y - other.y) - radius - other.radius;
        if (gap < 0.02) return null;
      }
      items.push({ x: spot.x / width, y: spot.y / height, radius, rotation });
    }
    placed.push(...offsets.map(([dx, dy]) => ({ x: x + dx, y: y + dy, radius })));
    groups.push({ ...wish, items });
  }
  return groups;
}

/** Fractions of the shorter side. Items of a group are smaller, so that four fit a corner. */
const RADIUS = {
  one: { small: 0.105, medium: 0.16, large: 0.25 },
  many: { small: 0.08, medium: 0.115, large: 0.16 },
} as const;

const ANCHOR = { left: 0.22, centre: 0.5, right: 0.78, top: 0.22, middle: 0.5, bottom: 0.78 };

function arrangement(random: Random, count: Count, radius: number): [number, number][] {
  const step = radius * 2 + random.range(0.012, 0.03);
  const half = step / 2;
  switch (count) {
    case 1:
      return [[0, 0]];
    case 2:
      return random.chance(0.65) ? [[-half, 0], [half, 0]] : [[0, -half], [0, half]]; // prettier-ignore
    case 3:
      return random.weighted<[number, number][]>([
        [[[-half, half], [half, half], [0, -half]], 5],
        [[[-step, 0], [0, 0], [step, 0]], 3],
        [[[0, -step], [0, 0], [0, step]], 2],
      ]); // prettier-ignore
    default:
      return [[-half, -half], [half, -half], [-half, half], [half, half]]; // prettier-ignore
  }
}

function thirdOf(fraction: number): number {
  return fraction < 0.385 ? 0 : fraction > 0.615 ? 2 : 1;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
