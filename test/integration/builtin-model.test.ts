import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip, type ClipModel } from '../../lib/encode';
import { randomScene, renderPicture } from '../../sample';
import { examineHeldOut, examineOtherStyle } from '../../tools/train-builtin/exam';
import { productExaminee } from '../../tools/train-builtin/product-examinee';

const FOLDER = path.resolve(__dirname, '../../../models/builtin');
let clip: ClipModel;

test.before(async () => {
  clip = await openClip('builtin');
});
test.after(() => clip.close());

test('1,000 captions of combinations never trained on find their pictures', async () => {
  const { recallAt1, recallAt10 } = await examineHeldOut(productExaminee(clip));
  console.log(`recall@1 ${recallAt1}, recall@10 ${recallAt10}`);
  assert.ok(recallAt1 >= 0.5, `recall@1 is ${recallAt1}`);
  assert.ok(recallAt10 >= 0.9, `recall@10 is ${recallAt10}`);
});

test('pictures in another style are found by colour and shape', async () => {
  const { hits, queries, misses } = await examineOtherStyle(productExaminee(clip));
  console.log(`${hits} of ${queries}; missed ${misses.join(', ')}`);
  assert.is(queries, 100);
  assert.ok(hits >= 80, `${hits} of ${queries}; missed ${misses.join(', ')}`);
});

test('upper case, punctuation and unknown words do not hide what a query asks', async () => {
  const texts = ['a red circle', 'A RED CIRCLE!', 'a blue triangle'];
  const rows = await clip.text.encode(texts);
  const row = (i: number): Float32Array => rows.subarray(i * clip.dim, (i + 1) * clip.dim);
  const cosine = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  assert.ok(cosine(row(0), row(1)) > cosine(row(0), row(2)) + 0.2);
});

test('a query without a known word is far from every picture', async () => {
  const scenes = Array.from({ length: 60 }, (_, i) => randomScene(7000 + i));
  const pictures: Uint8Array[] = [];
  for (const scene of scenes) pictures.push(await renderPicture(scene, 160));
  const rows = await clip.image.encode(pictures);
  const nearest = async (text: string): Promise<number> => {
    const query = await clip.text.encode([text]);
    const cosines = scenes.map((_, i) =>
      query.reduce((sum, value, c) => sum + value * (rows[i * clip.dim + c] as number), 0),
    );
    return Math.max(...cosines);
  };
  for (const text of ['dog', 'a photo of a dog', 'my birthday party']) {
    const cosine = await nearest(text);
    assert.ok(cosine < 0.15, `${text}: ${cosine}`);
  }
  for (const text of ['snow', 'something purple', 'a star']) {
    const cosine = await nearest(text);
    assert.ok(cosine > 0.25, `${text}: ${cosine}`);
  }
});

test('the model folder holds at most 6 MB and no weights outside its graphs', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(FOLDER, name))
    .filter((file) => statSync(file).isFile());
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes <= 6e6, `${bytes} bytes`);
  const weights = files.filter((file) => !/\.(json|md)$/.test(file)).map((f) => path.basename(f));
  assert.equal(weights.sort(), ['text_model.onnx', 'vision_model.onnx']);
});

test.run();
