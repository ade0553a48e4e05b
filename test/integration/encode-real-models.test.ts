/**
 * The published numbers of the real models, on the machine at hand.
 *
 *     SIGHTLINE_TEST_MODELS=FOLDER npm run test:one -- encode-real-models
 *
 * FOLDER holds `clip-vit-base-patch32` and `all-MiniLM-L6-v2`, or one of them, in the Hugging Face layout
 * with float32 weights (`onnx/vision_model.onnx`, `onnx/text_model.onnx`; `onnx/model.onnx`).
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip, openSentenceEncoder, type ClipModel } from '../../lib/encode';
import { readClipConfig } from '../../lib/encode/kinds/model-config';
import { inspectClip, type GraphFile } from '../../lib/models/store/model-files';
import { TowerSession } from '../../lib/encode/towers/session';
import { fitTower } from '../../lib/encode/tower-io';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';
import { present } from '../helpers/tiny-models';

/** A test that needs a model's weights and the published values; says why when it is left out. */
function withModel(
  name: string,
  model: string,
  reference: string,
  body: (folder: string, values: string) => Promise<void>,
): void {
  test(name, async () => {
    const models = process.env['SIGHTLINE_TEST_MODELS'];
    const values = sharedData('reference', reference);
    const folder = path.join(models ?? '', model);
    if (models === undefined || models === '')
      skip('SIGHTLINE_TEST_MODELS names no folder with real weights');
    else if (!existsSync(path.join(folder, 'onnx'))) skip(`SIGHTLINE_TEST_MODELS has no ${model}`);
    else if (values === undefined) skip('no shared reference');
    else await body(folder, values);
  });
}

interface Check {
  readonly id: string;
  readonly texts?: string[];
  readonly text?: string;
  readonly tolerance?: number;
  readonly softmax_of_100x_cosine?: number[];
  readonly logits_per_image?: number[] | number[][];
  readonly logits_per_text?: number[][];
  readonly image_embeds_l2_normalised_first5?: number[];
  readonly first5?: number[];
  readonly input_ids?: number[] | number[][];
  readonly image_embeds_elements_1_to_3?: number[];
  readonly text_embeds_elements_1_to_3?: number[];
  readonly image_embeds_first15?: number[];
  readonly text_embeds_first20?: number[];
}

function checksOf(values: string): (id: string) => Check {
  const { checks } = JSON.parse(readFileSync(values, 'utf8')) as { checks: Check[] };
  return (id) =>
    present(
      checks.find((check) => check.id === id),
      id,
    );
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
const rowsOf = (all: Float32Array, dim: number): Float32Array[] =>
  Array.from({ length: all.length / dim }, (_, i) => all.subarray(i * dim, (i + 1) * dim));

/** A list that the published file must have: a field under another name would compare nothing. */
function from<K extends keyof Check>(check: Check, field: K): NonNullable<Check[K]> {
  const value = check[field];
  assert.ok(Array.isArray(value) && value.length > 0, `${check.id} has no ${field}`);
  return value;
}

function assertNear(
  got: ArrayLike<number>,
  expected: readonly number[],
  most: number,
  what: string,
): void {
  assert.is(got.length, expected.length, `${what}: number of values`);
  expected.forEach((value, i) => {
    const difference = Math.abs((got[i] as number) - value);
    assert.ok(difference <= most, `${what}: value ${i} is ${got[i]}, published is ${value}`);
  });
}

const CLIP = 'clip-vit-base-patch32';
const CLIP_VALUES = 'clip_vit_b32_reference_values.json';
const picture = (...parts: string[]): Uint8Array =>
  readFileSync(present(sharedData(...parts), parts.join('/')));

async function withClip(folder: string, body: (clip: ClipModel) => Promise<void>): Promise<void> {
  const clip = await openClip(folder);
  try {
    assert.is(clip.dim, 512);
    await body(clip);
  } finally {
    await clip.close();
  }
}

withModel(
  'CLIP gives the published probabilities and logits',
  CLIP,
  CLIP_VALUES,
  async (folder, values) => {
    const check = checksOf(values);
    await withClip(folder, async (clip) => {
      const cosines = async (bytes: Uint8Array, texts: readonly string[]): Promise<number[]> => {
        const image = await clip.image.encode([bytes]);
        return rowsOf(await clip.text.encode(texts), 512).map((row) => dot(image, row));
      };
      const diagram = check('clip-png');
      const logits = (await cosines(picture('reference', 'CLIP.png'), from(diagram, 'texts'))).map(
        (value) => 100 * value,
      );
      const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
      const sum = powers.reduce((total, value) => total + value, 0);
      // OpenAI computed theirs in half precision: 0.5 % of a probability near one.
      const probabilities = powers.map((value) => value / sum);
      assertNear(probabilities, from(diagram, 'softmax_of_100x_cosine'), 5e-3, 'clip-png');

      const cats = check('cats-logits');
      const bytes = picture('reference', 'coco_000000039769.png');
      const scaled = (await cosines(bytes, from(cats, 'texts'))).map((value) => 100 * value);
      // Decoders and resizers differ by single grey levels; published is 1e-3 for theirs.
      assertNear(scaled, from(cats, 'logits_per_image') as number[], 2e-2, 'cats-logits');
    });
  },
);

withModel('CLIP gives the published vectors', CLIP, CLIP_VALUES, async (folder, values) => {
  const check = checksOf(values);
  await withClip(folder, async (clip) => {
    const cats = await clip.image.encode([picture('media', 'photos', 'coco_000000039769.jpeg')]);
    assertNear(
      cats.subarray(0, 5),
      from(check('cats-vector'), 'image_embeds_l2_normalised_first5'),
      1e-3,
      'cats',
    );
    // May be published without normalisation, so directions are compared.
    const hello = check('hello-world-text');
    const words = await clip.text.encode([present(hello.text, 'text')]);
    const published = from(hello, 'first5');
    const likeness = cosine(words.subarray(0, published.length), published);
    assert.ok(likeness > 0.99, `hello-world-text: cosine ${likeness} over the first values`);
    // Another copy of the picture: a rough check, and the eleventh value has no certain sign.
    const astronaut = check('astronaut');
    const seen = await clip.image.encode([picture('media', 'photos', 'astronaut.png')]);
    const said = await clip.text.encode([present(astronaut.text, 'text')]);
    const image15 = from(astronaut, 'image_embeds_first15').map((value, i) =>
      i === 10 ? 0 : value,
    );
    const seen15 = Array.from(seen.subarray(0, 15), (value, i) => (i === 10 ? 0 : value));
    const text20 = from(astronaut, 'text_embeds_first20');
    assert.ok(cosine(seen15, image15) > 0.95, `astronaut: ${cosine(seen15, image15)}`);
    assert.ok(cosine(said.subarray(0, 20), text20) > 0.99, 'the text about the astronaut');
  });
});

withModel(
  'CLIP gives the published values for plain tensors',
  CLIP,
  CLIP_VALUES,
  async (folder, values) => {
    const check = checksOf(values);
    const { vision, text } = await inspectClip(folder, folder, 'fp32');
    const config = await readClipConfig(folder);
    const preprocess = present(config.preprocess, 'the preprocessor');
    const base = (graph: GraphFile | undefined, modality: 'image' | 'text') => {
      const { file, signature } = present(graph, `the ${modality} tower`);
      const want = { modality, family: config.family, file, size: 224, maxTokens: 77 };
      const { dim } = fitTower(signature, { ...want, dim: config.dim ?? 512 });
      return { family: config.family, folder, file, dim, threads: 1 };
    };
    const images = await TowerSession.load({
      ...base(vision, 'image'),
      ...{ modality: 'image', preprocess },
    });
    const texts = await TowerSession.load({
      ...base(text, 'text'),
      modality: 'text',
      text: config.text,
    });

    const constant = (value: number): Promise<Float32Array> =>
      images.runImages(new Float32Array(3 * 224 * 224).fill(value), 1, 224);
    const tokens = (ids: readonly number[]): Promise<Float32Array> => {
      const row = BigInt64Array.from(ids, BigInt);
      return texts.runTexts(
        row,
        row.map(() => 1n),
        1,
        ids.length,
      );
    };
    const half = from(check('constant-pixels-vector'), 'image_embeds_elements_1_to_3');
    assertNear((await constant(0.5)).subarray(1, 4), half, 1e-3, 'constant-pixels-vector');
    const cat = check('cat-text-vector');
    const catRow = await tokens(from(cat, 'input_ids') as number[]);
    assertNear(
      catRow.subarray(1, 4),
      from(cat, 'text_embeds_elements_1_to_3'),
      1e-3,
      'cat-text-vector',
    );

    const logits = check('constant-pixels-logits');
    const pictures = [await constant(0.25), await constant(0.75)];
    const words = await Promise.all((from(logits, 'input_ids') as number[][]).map(tokens));
    words.forEach((word, i) => {
      const row = pictures.map((seen) => 100 * cosine(word, seen));
      assertNear(
        row,
        from(logits, 'logits_per_text')[i] as number[],
        1e-3,
        `constant-pixels-logits, text ${i}`,
      );
    });
  },
);

interface SentenceValues {
  readonly full_vectors: { mean_pooled: { text: string; vector: number[] }[] };
  readonly first_values: {
    text: string;
    tolerance?: number;
    mean_pooled_l2_normalised_first5?: number[];
    mean_pooled_l2_normalised_first3?: number[];
  }[];
}

withModel(
  'MiniLM gives the published vectors',
  'all-MiniLM-L6-v2',
  'minilm_reference_vectors.json',
  async (folder, values) => {
    const published = JSON.parse(readFileSync(values, 'utf8')) as SentenceValues;
    const encoder = await openSentenceEncoder(folder);
    try {
      assert.is(encoder.dim, 384);
      const whole = published.full_vectors.mean_pooled;
      const rows = rowsOf(await encoder.encode(whole.map(({ text }) => text)), 384);
      assert.ok(whole.length > 0);
      whole.forEach(({ text, vector }, i) => {
        assert.is(vector.length, 384, text);
        const likeness = cosine(rows[i] as Float32Array, vector);
        assert.ok(likeness > 0.9999, `${text}: cosine ${likeness}`);
      });
      for (const { text, ...first } of published.first_values) {
        const row = await encoder.encode([text]);
        const exact = first.mean_pooled_l2_normalised_first5;
        if (exact !== undefined)
          assertNear(row.subarray(0, 5), exact, first.tolerance ?? 1e-3, text);
        assert.ok(
          exact ?? first.mean_pooled_l2_normalised_first3,
          `${text}: values of a known name`,
        );
        // Published for the quantised weights, which deviate.
        const quantised = first.mean_pooled_l2_normalised_first3;
        if (quantised !== undefined) assertNear(row.subarray(0, 3), quantised, 0.04, text);
      }
    } finally {
      await encoder.close();
    }
  },
);

test.run();
