import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  canonicalCaption,
  COLOUR_RGB,
  COLOURS,
  drawRaster,
  drawSvg,
  filmFrames,
  filmSeconds,
  fullCaption,
  isHeldOut,
  isTrueOf,
  partialCaption,
  PATTERNS,
  randomFilm,
  randomScene,
  renderPixels,
  samplePlan,
  sceneAt,
  SHAPES,
  siblingScene,
  sizeOf,
  type Colour,
  type Pixels,
  type Scene,
  type Shape,
} from '../../sample';

const SEED = 4000;

function manyScenes(split: 'train' | 'held-out' | 'any', total: number): Scene[] {
  return Array.from({ length: total }, (_, i) => randomScene(SEED + i, { split }));
}

test('the same seed gives the same scene, caption and picture', () => {
  for (let seed = SEED; seed < SEED + 20; seed++) {
    const scene = randomScene(seed);
    assert.equal(scene, randomScene(seed));
    assert.is(drawSvg(scene, 96, 96), drawSvg(scene, 96, 96));
    assert.equal(fullCaption(seed, scene), fullCaption(seed, scene));
    assert.equal(partialCaption(seed, scene), partialCaption(seed, scene));
    assert.equal(drawRaster(scene, 24, 24, { noise: 5 }), drawRaster(scene, 24, 24, { noise: 5 }));
  }
  assert.not.equal(randomScene(SEED), randomScene(SEED + 1));
});

test('a training scene never holds a held-out combination, a held-out scene holds nothing else', () => {
  for (const [split, isOut] of [
    ['train', false],
    ['held-out', true],
  ] as const) {
    // prettier-ignore
    for (const scene of manyScenes(split, 400)) {
      for (const version of [scene, siblingScene(scene.seed + 1, scene, split)]) {
        for (const group of version.groups) {
          assert.is(isHeldOut(group.colour, group.shape, group.pattern), isOut);
        }
      }
    }
  }
});

test('between 10 and 16 percent of the combinations are held out, and no pair of attributes is', () => {
  let heldOut = 0;
  const trained = new Set<string>();
  for (const colour of COLOURS) {
    for (const shape of SHAPES) {
      for (const pattern of PATTERNS) {
        if (isHeldOut(colour, shape, pattern)) heldOut++;
        else [`${colour} ${shape}`, `${colour} ${pattern}`, `${shape} ${pattern}`].forEach((pair) => trained.add(pair)); // prettier-ignore
      }
    }
  }
  const total = COLOURS.length * SHAPES.length * PATTERNS.length;
  assert.ok(heldOut / total > 0.1 && heldOut / total < 0.16, `${heldOut} of ${total}`);
  const pairs = COLOURS.length * SHAPES.length + (COLOURS.length + SHAPES.length) * PATTERNS.length;
  assert.is(trained.size, pairs);
});

test('things of a scene lie inside the picture and do not touch', () => {
  for (const scene of manyScenes('any', 300)) {
    const wide = Math.max(1, scene.aspect);
    const tall = Math.max(1, 1 / scene.aspect);
    const items = scene.groups.flatMap((group) => group.items);
    items.forEach((item, i) => {
      assert.ok(item.x * wide >= item.radius && item.x * wide <= wide - item.radius);
      assert.ok(item.y * tall >= item.radius && item.y * tall <= tall - item.radius);
      for (const other of items.slice(i + 1)) {
        const away = Math.hypot((item.x - other.x) * wide, (item.y - other.y) * tall);
        assert.ok(away > item.radius + other.radius);
      }
    });
  }
});

test('options decide what a scene holds, and impossible ones are refused', () => {
  const scene = randomScene(SEED, { groups: 1, count: 3, colour: 'red', shape: 'star', background: 'snow' }); // prettier-ignore
  assert.is(scene.groups.length, 1);
  const [group] = scene.groups;
  assert.is(group?.items.length, 3);
  assert.is(`${group?.colour} ${group?.shape} ${scene.background}`, 'red star snow');
  assert.throws(
    () => randomScene(SEED, { colour: 'white', background: 'white' }),
    (error: { code?: string }) => error.code === 'ERR_ARG_RANGE',
  );
});

test('the canonical caption names every attribute and tells scenes apart', () => {
  const scenes = manyScenes('held-out', 1000);
  for (const scene of scenes) {
    const caption = canonicalCaption(scene);
    for (const group of scene.groups) {
      for (const word of [group.colour, group.shape, group.pattern, group.size]) {
        assert.ok(caption.includes(word), `${caption} lacks ${word}`);
      }
    }
  }
  assert.ok(new Set(scenes.map(canonicalCaption)).size > 990);
});

test('every caption is true of its own scene, and short ones of others too', () => {
  const scenes = manyScenes('any', 200);
  let shared = 0;
  scenes.forEach((scene, i) => {
    for (let seed = 0; seed < 5; seed++) {
      assert.ok(isTrueOf(fullCaption(seed, scene).claim, scene));
      const { claim, text } = partialCaption(seed, scene);
      assert.ok(isTrueOf(claim, scene), text);
      if (scenes.some((other, j) => i !== j && isTrueOf(claim, other))) shared++;
    }
  });
  assert.ok(shared > 300, `${shared} of 1000 short captions fit another scene`);
});

test('the SVG is well-formed: every element closed, every reference defined', () => {
  for (const scene of manyScenes('any', 200)) {
    const svg = drawSvg(scene, 128, 96);
    const open: string[] = [];
    for (const [, slash, name, rest] of svg.matchAll(/<(\/?)([a-zA-Z]+)([^>]*)>/g)) {
      if (slash === '/') assert.is(open.pop(), name);
      else if (!(rest as string).endsWith('/')) open.push(name as string);
    }
    assert.equal(open, []);
    for (const [, id] of svg.matchAll(/url\(#(\w+)\)/g)) assert.ok(svg.includes(`id="${id}"`));
    assert.not.match(svg, /NaN|undefined|Infinity/);
  }
});

/** A place, in radii from the middle, that both renderers fill with the main colour. */
const PROBES: Readonly<Partial<Record<Shape, readonly [number, number]>>> = {
  ring: [0.72, 0],
  crescent: [-0.66, 0],
};

function colourAtProbe(pixels: Pixels, scene: Scene): Colour {
  const group = scene.groups[0];
  const item = group?.items[0];
  if (group === undefined || item === undefined) throw new Error('the scene is empty');
  const [u, v] = PROBES[group.shape] ?? [0, 0];
  const turn = (item.rotation * Math.PI) / 180;
  const side = Math.min(pixels.width, pixels.height);
  const dx = (u * Math.cos(turn) - v * Math.sin(turn)) * item.radius * side;
  const dy = (u * Math.sin(turn) + v * Math.cos(turn)) * item.radius * side;
  const column = Math.floor(item.x * pixels.width + dx);
  const row = Math.floor(item.y * pixels.height + dy);
  const at = (row * pixels.width + column) * 3;
  const seen = [0, 1, 2].map((c) => pixels.data[at + c] as number);
  const distance = (colour: Colour): number =>
    Math.hypot(...seen.map((value, c) => value - (COLOUR_RGB[colour][c] as number)));
  return COLOURS.reduce((best, colour) => (distance(colour) < distance(best) ? colour : best));
}

test('both renderers put the asked colour where the thing is, for each colour and shape', async () => {
  let seed = SEED;
  for (const colour of COLOURS) {
    for (const shape of SHAPES) {
      let scene: Scene;
      do scene = randomScene(seed++, { groups: 1, count: 1, colour, shape });
      while (scene.groups[0]?.pattern !== 'solid');
      const { width, height } = sizeOf(scene, 120);
      const what = `${colour} ${shape}, seed ${scene.seed}`;
      assert.is(colourAtProbe(await renderPixels(scene, 120), scene), colour, `SVG ${what}`);
      assert.is(colourAtProbe(drawRaster(scene, width, height), scene), colour, `raster ${what}`);
    }
  }
});

test('a film has a scene for each frame, and its things move', () => {
  const film = randomFilm(SEED);
  assert.ok(filmSeconds(film) >= 6 && filmSeconds(film) <= 10);
  for (let i = 0; i < filmFrames(film); i++) sceneAt(film, i / film.framesPerSecond);
  assert.not.equal(sceneAt(film, 0).groups, sceneAt(film, 0.5).groups);
  assert.throws(() => sceneAt(film, filmSeconds(film)), /not within/);
});

test('the sample plan has distinct paths, all backgrounds and both codecs', () => {
  const plan = samplePlan(1, 300, 6);
  const paths = [...plan.pictures, ...plan.videos].map((file) => file.path);
  assert.is(new Set(paths).size, 306);
  assert.is(new Set(plan.pictures.map((picture) => picture.scene.background)).size, 15);
  assert.equal([...new Set(plan.videos.map((video) => video.codec))].sort(), ['h264', 'vp9']);
  assert.equal(plan, samplePlan(1, 300, 6));
});

test.run();
