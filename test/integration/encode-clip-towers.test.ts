/** CLIP folders of other shapes: one tower alone, both in one graph, SigLIP, MobileCLIP, L/14. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findModel, missingFiles, openClip, type ClipModel } from '../../lib/encode';
import { readClipConfig } from '../../lib/encode/kinds/model-config';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { assertRow, copyTinyClip, pictures, texts } from '../helpers/tiny-clip';
import {
  assertSameRows,
  assertUnitRow,
  CLIP_SINGLE,
  DIM,
  editJson,
  formulaPicture,
  SIGLIP,
  siglip,
} from '../helpers/tiny-models';

const VISION_ONLY = ['tokenizer.json', 'tokenizer_config.json', 'onnx/text_model.onnx'];
const TEXT_ONLY = ['preprocessor_config.json', 'onnx/vision_model.onnx'];
const first = { picture: pictures[0], text: texts[0] };

async function withClip(folder: string, body: (clip: ClipModel) => Promise<void>): Promise<void> {
  const clip = await openClip(folder, { workers: 1 });
  try {
    await body(clip);
  } finally {
    await clip.close();
  }
}

function without(files: readonly string[]): string {
  const folder = copyTinyClip();
  for (const file of files) rmSync(path.join(folder, file));
  return folder;
}

test('a folder with the image tower alone embeds pictures; texts are ERR_MODEL_MISSING', async () => {
  const folder = without(VISION_ONLY);
  assert.equal(await missingFiles(folder), []);
  await withClip(folder, async (clip) => {
    assert.is(clip.dim, 8);
    assertRow(
      await clip.image.encode([first.picture?.bytes ?? new Uint8Array()]),
      0,
      first.picture?.vector ?? [],
    );
    for (const call of [() => clip.text.encode(['red']), () => clip.text.warm()]) {
      const error = await errorOf(call());
      assert.is(error.code, 'ERR_MODEL_MISSING');
      assert.match(error.message, /text_model\.onnx/);
    }
  });
});

test('a folder with the text tower alone embeds texts; pictures are ERR_MODEL_MISSING', async () => {
  await withClip(without(TEXT_ONLY), async (clip) => {
    assertRow(await clip.text.encode([first.text?.text ?? '']), 0, first.text?.vector ?? []);
    const bytes = first.picture?.bytes ?? new Uint8Array();
    assert.is(await codeOf(clip.image.encode([bytes])), 'ERR_MODEL_MISSING');
    assert.is(await codeOf(clip.image.encodeEach([bytes])), 'ERR_MODEL_MISSING');
  });
});

test('a tower that is there needs its own files, and no tower at all needs all', async () => {
  const folder = without(['onnx/text_model.onnx', 'preprocessor_config.json']);
  const error = await errorOf(findModel(folder));
  assert.equal(error.details['files'], ['preprocessor_config.json']);
  const empty = makeTempDir('model');
  assert.is((await missingFiles(empty)).length, 6);
  // What other kinds need is not what a CLIP needs.
  mkdirSync(path.join(empty, 'onnx'));
  writeFileSync(path.join(empty, 'onnx', 'model.onnx'), '');
  writeFileSync(path.join(empty, 'config.json'), '{}');
  assert.equal(await missingFiles(empty, 'video'), ['preprocessor_config.json']);
  assert.equal(await missingFiles(empty, 'sentence'), ['tokenizer.json', 'tokenizer_config.json']);
  assert.is((await missingFiles(empty, 'clip')).length, 3);
});

test('towers of different models are refused together', async () => {
  const folder = copyTinyClip();
  // The text tower of the built-in model has 256 values.
  const builtin = path.resolve(__dirname, '../../../models/builtin/onnx/text_model.onnx');
  cpSync(builtin, path.join(folder, 'onnx', 'text_model.onnx'));
  editJson(folder, 'config.json', { projection_dim: undefined });
  const error = await errorOf(openClip(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /image tower gives 8 values, the text tower 256/);
});

test('both towers in one graph give the same vectors as two graphs', async () => {
  const folder = without(['onnx/vision_model.onnx', 'onnx/text_model.onnx']);
  cpSync(CLIP_SINGLE, folder, { recursive: true });
  await withClip(folder, async (clip) => {
    const images = await clip.image.encode(pictures.map((item) => item.bytes));
    pictures.forEach((item, i) => assertRow(images, i, item.vector));
    const words = await clip.text.encode(texts.map((item) => item.text));
    texts.forEach((item, i) => assertRow(words, i, item.vector));
  });
});

test('SigLIP: pooled outputs, stretched pictures, texts padded to one length without mask', async () => {
  await withClip(SIGLIP, async (clip) => {
    assert.is(clip.dim, DIM);
    const seen = await Promise.all(siglip.pictures.map(({ seed }) => formulaPicture(seed)));
    const images = await clip.image.encode(seen);
    siglip.pictures.forEach(({ vector }, i) => assertUnitRow(images, i, vector, `picture ${i}`));
    const together = await clip.text.encode(siglip.texts.map(({ text }) => text));
    for (const [i, { text, vector }] of siglip.texts.entries()) {
      assertUnitRow(together, i, vector, text);
      assertSameRows(
        await clip.text.encode([text]),
        together.subarray(i * DIM, (i + 1) * DIM),
        text,
      );
    }
  });
});

test('the padding of texts follows from what is known of the text tower', async () => {
  const folder = copyTinyClip();
  const ruleOf = async (fields: Record<string, unknown>): Promise<unknown> => {
    editJson(folder, 'config.json', fields);
    return (await readClipConfig(folder)).text;
  };
  const text = { max_position_embeddings: 12 };
  const short = { maxTokens: 12, padTo: 'longest', masksPadding: true };
  assert.equal(await ruleOf({ text_config: { ...text, model_type: 'clip_text_model' } }), short);
  assert.equal(await ruleOf({ text_config: text }), { ...short, padTo: 'max' });
  const siglipRule = { maxTokens: 64, padTo: 'max', masksPadding: false };
  assert.equal(await ruleOf({ model_type: 'siglip', text_config: {} }), siglipRule);
  assert.equal(await ruleOf({ model_type: 'clip', text_config: {} }), {
    ...short,
    maxTokens: 77,
    padTo: 'max',
  });
});

test('the shapes of the published models are read from their files', async () => {
  const mean = [0.48145466, 0.4578275, 0.40821073];
  const crop = (size: number): Record<string, unknown> => ({
    do_resize: true,
    size: { shortest_edge: size },
    do_center_crop: true,
    crop_size: { height: size, width: size },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: [0.26862954, 0.26130258, 0.27577711],
  });
  const cases: [string, Record<string, unknown>, Record<string, unknown>, object][] = [
    [
      'ViT-B/16',
      { vision_config: { image_size: 224, patch_size: 16 }, projection_dim: 512 },
      { ...crop(224), resample: 3 },
      { size: 224, shortestEdge: 224, resizeTo: undefined, filter: 'bicubic', rescale: 1 / 255 },
    ],
    [
      'ViT-L/14 at 336',
      { vision_config: { image_size: 336 }, projection_dim: 768 },
      { ...crop(336), size: 336, crop_size: 336, resample: 3 },
      { size: 336, shortestEdge: 336, resizeTo: undefined, filter: 'bicubic', rescale: 1 / 255 },
    ],
    [
      // No size in its configuration, nothing subtracted, bilinear.
      'MobileCLIP',
      { vision_config: {}, projection_dim: 512 },
      { ...crop(256), resample: 2, do_normalize: false },
      {
        ...{ size: 256, shortestEdge: 256, resizeTo: undefined, filter: 'bilinear' },
        ...{ rescale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
      },
    ],
    [
      'SigLIP',
      { model_type: 'siglip', vision_config: {} },
      {
        ...{ do_resize: true, size: { height: 224, width: 224 }, resample: 3, do_rescale: true },
        ...{ do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
      },
      {
        ...{ size: 224, shortestEdge: undefined, resizeTo: { height: 224, width: 224 } },
        ...{ filter: 'bicubic', rescale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      },
    ],
  ];
  for (const [name, config, processor, expected] of cases) {
    const folder = makeTempDir('model');
    writeFileSync(
      path.join(folder, 'config.json'),
      JSON.stringify({ model_type: 'clip', ...config }),
    );
    writeFileSync(path.join(folder, 'preprocessor_config.json'), JSON.stringify(processor));
    const { preprocess, dim } = await readClipConfig(folder);
    const filled = { mean, std: processor['image_std'], ...expected };
    assert.equal(preprocess, filled, name);
    assert.is(dim, config['projection_dim'], name);
  }
});

test('a CLIP without projection is refused: its pooled states are of another space', async () => {
  const folder = copyTinyClip();
  cpSync(
    path.join(SIGLIP, 'onnx', 'vision_model.onnx'),
    path.join(folder, 'onnx', 'vision_model.onnx'),
  );
  const error = await errorOf(openClip(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(
    error.message,
    /outputs are last_hidden_state, pooler_output, expected image_embeds/,
  );
});

test('the identity of one tower is that of its own file', async () => {
  const both = (await openClip(copyTinyClip())).identity.sha256;
  const vision = (await openClip(without(VISION_ONLY))).identity.sha256;
  const text = (await openClip(without(TEXT_ONLY))).identity.sha256;
  assert.is(new Set([both, vision, text]).size, 3);
});

test.run();
