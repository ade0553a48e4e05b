/**
 * Families of renders that belong together, to ask of an embedding: are the five nearest files of the same family? Everything is drawn
 * from a seed. A family is one set-up of a renderer; its members differ from it by one kind of change.
 */
import type { ExrChannel, ExrPayload, ExrValue } from '../lib/exr';
import { Random } from './clip-like';

/** What the members of a family differ in. All have paths of their own. */
export const CHANGES = ['path only', 'one field', 'layer set', 'sequence'] as const;
export type Change = (typeof CHANGES)[number];

export interface Member {
  readonly family: string;
  readonly payload: ExrPayload;
}

/** In [0, 1). */
type Draw = () => number;

const pick = <T>(random: Draw, list: readonly T[]): T =>
  list[Math.floor(random() * list.length)] as T;
const whole = (random: Draw, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1));

const LAYERS = [
  ['diffuse', 'RGB'],
  ['diffuse_direct', 'RGB'],
  ['diffuse_indirect', 'RGB'],
  ['specular', 'RGB'],
  ['specular_direct', 'RGB'],
  ['coat', 'RGB'],
  ['sss', 'RGB'],
  ['transmission', 'RGB'],
  ['emission', 'RGB'],
  ['volume', 'RGBA'],
  ['albedo', 'RGB'],
  ['shadow', 'RGBA'],
  ['N', 'XYZ'],
  ['P', 'XYZ'],
  ['motion', 'XY'],
  ['uv', 'UV'],
  ['crypto_object00', 'RGBA'],
  ['crypto_material00', 'RGBA'],
  ['crypto_asset00', 'RGBA'],
  ['light_key', 'RGB'],
  ['light_fill', 'RGB'],
  ['light_rim', 'RGB'],
] as const;
const RENDERERS = [
  'Arnold 7.2.4',
  'Arnold 7.3.0',
  'V-Ray 6.2',
  'Cycles 4.1',
  'Karma 20.0',
  'RenderMan 26',
];
const SIZES = [
  [1920, 1080],
  [2048, 858],
  [2048, 1556],
  [3840, 2160],
  [4096, 1716],
] as const;
const COMPRESSIONS = ['zip', 'zips', 'piz', 'dwaa', 'dwab', 'rle', 'none'];

function channelsOf(
  layers: readonly (readonly [string, string])[],
  type: 'half' | 'float',
): ExrChannel[] {
  const one = (layer: string, name: string, of: 'half' | 'float'): ExrChannel => ({
    part_index: 0,
    name: layer === '' ? name : `${layer}.${name}`,
    layer,
    view: null,
    type: of,
    x_sampling: 1,
    y_sampling: 1,
    p_linear: false,
  });
  const channels = ['R', 'G', 'B', 'A'].map((name) => one('', name, 'half'));
  for (const [layer, names] of layers)
    for (const name of names)
      channels.push(one(layer, name, layer.startsWith('crypto') ? 'float' : type));
  return channels.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const attribute = (
  type: string,
  value: ExrValue,
): { type: string; size: number; value: ExrValue } => ({
  type,
  size: typeof value === 'string' ? Buffer.byteLength(value) : 4,
  value,
});

/** A set-up as an artist would choose one: half of the layers, a renderer, a camera. */
function baseOf(random: Draw, family: string): ExrPayload {
  const layers = LAYERS.filter(() => random() < 0.5);
  const [width, height] = pick(random, SIZES);
  const window = { x_min: 0, y_min: 0, x_max: width - 1, y_max: height - 1 };
  const channels = channelsOf(layers, pick(random, ['half', 'float']));
  const isTiled = random() < 0.2;
  return {
    schema_version: '1.0.0',
    inspector_version: '1.0.0',
    file: {
      path: `/show/${family}/beauty.0001.exr`,
      size_bytes: whole(random, 2e6, 9e7),
      format_version: 2,
      header_bytes: 300 + 25 * channels.length,
      is_multipart: false,
      multipart_count: 1,
      is_tiled: isTiled,
      is_deep: false,
      is_multiview: false,
      has_long_names: false,
      views: [],
    },
    channels,
    parts: [
      {
        part_index: 0,
        name: null,
        type: isTiled ? 'tiledimage' : 'scanlineimage',
        compression: pick(random, COMPRESSIONS),
        is_tiled: isTiled,
        is_deep: false,
        view: null,
        data_window: { ...window },
        display_window: { ...window },
        pixel_aspect_ratio: pick(random, [1, 1, 1, 2]),
        screen_window_center: [0, 0],
        screen_window_width: 1,
        line_order: 'increasing_y',
        tiles: isTiled
          ? { width: 64, height: 64, level_mode: 'one_level', rounding_mode: 'down' }
          : null,
        chunk_count: null,
        channel_count: channels.length,
        attributes: {
          Software: attribute('string', pick(random, RENDERERS)),
          'camera/focalLength': attribute('float', pick(random, [18, 24, 35, 50, 85])),
          'camera/fStop': attribute('float', pick(random, [1.4, 2.8, 5.6, 11])),
          'render/samples': attribute('int', pick(random, [64, 256, 1024])),
          owner: attribute('string', `studio ${whole(random, 1, 5)}`),
          capDate: attribute('string', '2024:01:01 00:00:00'),
        },
      },
    ],
  };
}

type Part = ExrPayload['parts'][number];

const FIELDS: readonly ((payload: ExrPayload, part: Part, random: Draw) => void)[] = [
  (_, part, random) => (part.compression = pick(random, COMPRESSIONS)),
  (payload, _, random) => (payload.file.size_bytes = whole(random, 1e5, 2e8)),
  (_, part, random) => (part.data_window = cropOf(part, random)),
  (_, part) => (part.line_order = 'decreasing_y'),
  (_, part) => (part.pixel_aspect_ratio *= 2),
  (_, part, random) => (part.attributes.Software = attribute('string', pick(random, RENDERERS))),
  (_, part, random) => (part.attributes.capDate = attribute('string', dateOf(random))),
  (_, part) => (part.attributes.comments = attribute('string', 'approved')),
  (payload, _, random) => {
    const channel = pick(random, payload.channels);
    channel.type = channel.type === 'half' ? 'float' : 'half';
  },
];

const dateOf = (random: Draw): string =>
  `2024:0${whole(random, 1, 9)}:${whole(random, 10, 28)} ${whole(random, 10, 23)}:${whole(random, 10, 59)}:00`;

function cropOf({ display_window: { x_max, y_max } }: Part, random: Draw): Part['data_window'] {
  const [x_min, y_min] = [whole(random, 0, x_max >> 1), whole(random, 0, y_max >> 1)];
  return { x_min, y_min, x_max: whole(random, x_min, x_max), y_max: whole(random, y_min, y_max) };
}

/** One layer more, or one less where there are two. */
function changeLayers(payload: ExrPayload, part: Part, random: Draw): void {
  const layers = [
    ...new Set(payload.channels.map(({ layer }) => layer).filter((name) => name !== '')),
  ];
  if (layers.length > 1 && random() < 0.5) {
    const gone = pick(random, layers);
    payload.channels = payload.channels.filter(({ layer }) => layer !== gone);
  } else {
    const added = pick(
      random,
      LAYERS.filter(([name]) => !layers.includes(name)),
    );
    payload.channels = [
      ...payload.channels,
      ...channelsOf([added], 'half').filter(({ layer }) => layer !== ''),
    ].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  part.channel_count = payload.channels.length;
}

function changed(base: ExrPayload, change: Change, index: number, random: Draw): ExrPayload {
  const payload = structuredClone(base);
  const [part] = payload.parts as [Part];
  const folder = payload.file.path.replace(/[^/]*$/, '');
  payload.file.path = `${folder}v${index}/beauty.${String(index).padStart(4, '0')}.exr`;
  if (change === 'one field') FIELDS[index % FIELDS.length]?.(payload, part, random);
  if (change === 'layer set') changeLayers(payload, part, random);
  if (change === 'sequence') {
    payload.file.size_bytes = Math.round(payload.file.size_bytes * (0.7 + random() * 0.6));
    part.data_window = cropOf(part, random);
    part.attributes.capDate = attribute('string', dateOf(random));
    part.attributes.timeCode = attribute('string', `01:00:00:${index}`);
  }
  return payload;
}

export const MEMBERS = 8;

/** @param bases  one payload a family; undefined: 60 drawn ones */
export function familiesOf(
  change: Change,
  seed: number,
  bases?: ReadonlyMap<string, ExrPayload>,
): Member[] {
  const generator = new Random(seed);
  const random: Draw = () => generator.unit();
  const drawn = Array.from({ length: 60 }, (_, i) => `s${whole(random, 1, 9)}/shot${i}`).map(
    (family) => [family, baseOf(random, family)] as const,
  );
  return [...(bases ?? drawn)].flatMap(([family, base]) =>
    Array.from({ length: MEMBERS }, (_, i) => ({
      family,
      payload: changed(base, change, i, random),
    })),
  );
}

/** Frames of one shot. */
const SHOT = 40;

/** Payloads of shots of 40 frames each, one set-up a shot. */
export function* drawnShots(files: number, seed: number): Generator<ExrPayload> {
  const generator = new Random(seed);
  const random: Draw = () => generator.unit();
  for (let shot = 0; shot * SHOT < files; shot++) {
    const base = baseOf(random, `s${whole(random, 1, 99)}/shot${shot}`);
    const frames = Math.min(SHOT, files - shot * SHOT);
    for (let i = 0; i < frames; i++) yield changed(base, 'sequence', i, random);
  }
}

/** Mean share of the five nearest, by cosine and without itself, that are of the same family. */
export function familyRecall(
  members: readonly Member[],
  embed: (payload: ExrPayload) => Float32Array,
): number {
  const vectors = members.map(({ payload }) => embed(payload));
  let found = 0;
  vectors.forEach((query, i) => {
    const cosines = vectors.map((vector, j) => ({ j, cosine: i === j ? -2 : dot(query, vector) }));
    cosines.sort((a, b) => b.cosine - a.cosine);
    found += cosines
      .slice(0, 5)
      .filter(({ j }) => members[j]?.family === members[i]?.family).length;
  });
  return found / (5 * members.length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** The bytes of a file of a drawn set-up: the header, and no pixels. */
export function drawnFile(seed: number): Buffer {
  const generator = new Random(seed);
  const { channels, parts } = baseOf(() => generator.unit(), `shot${seed}`);
  const [part] = parts as [Part];
  const i32 = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
  const f32 = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const field = (name: string, type: string, value: Buffer): Buffer =>
    Buffer.concat([text(name), text(type), i32(value.length), value]);
  const list = channels.map((channel) => {
    const type = ['uint', 'half', 'float'].indexOf(channel.type);
    return Buffer.concat([text(channel.name), i32(type, 0, 1, 1)]);
  });
  const { x_max, y_max } = part.display_window;
  const strings = Object.entries(part.attributes).map(([name, { value }]) =>
    field(name, 'string', Buffer.from(String(value))),
  );
  return Buffer.concat([
    i32(0x01312f76, 2),
    field('channels', 'chlist', Buffer.concat([...list, Buffer.from([0])])),
    field('compression', 'compression', Buffer.from([3])),
    field('dataWindow', 'box2i', i32(0, 0, x_max, y_max)),
    field('displayWindow', 'box2i', i32(0, 0, x_max, y_max)),
    field('lineOrder', 'lineOrder', Buffer.from([0])),
    field('pixelAspectRatio', 'float', f32(1)),
    field('screenWindowCenter', 'v2f', f32(0, 0)),
    field('screenWindowWidth', 'float', f32(1)),
    ...strings,
    Buffer.from([0]),
    Buffer.alloc(64 * 1024),
  ]);
}
