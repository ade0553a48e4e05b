/** The sentence encoder against numpy: mask, mean, cut, batch, and the two-part vector. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTwoPart, metaText, openSentenceEncoder } from '../../lib/encode';
import type { SentenceEncoder } from '../../lib/encode';
import { TextTokenizer } from '../../lib/encode/preprocess/tokenizer';
import { codeOf, errorOf } from '../helpers/errors';
import {
  assertSameRows,
  assertUnitRow,
  copyModel,
  DIM,
  editJson,
  MINILM,
  minilm,
  present,
} from '../helpers/tiny-models';

async function withEncoder(
  body: (encoder: SentenceEncoder) => Promise<void>,
  folder = MINILM,
): Promise<void> {
  const encoder = await openSentenceEncoder(folder);
  try {
    await body(encoder);
  } finally {
    await encoder.close();
  }
}

const words = minilm.texts.map((item) => item.text);

test('every text has the vector that numpy computed, alone and in a batch of mixed lengths', async () => {
  await withEncoder(async (encoder) => {
    assert.is(encoder.dim, DIM);
    assert.is(encoder.modality, 'text');
    const together = await encoder.encode(words);
    for (const [i, { text, vector }] of minilm.texts.entries()) {
      const alone = await encoder.encode([text]);
      assertUnitRow(alone, 0, vector, JSON.stringify(text));
      assertUnitRow(together, i, vector, JSON.stringify(text));
      assertSameRows(alone, together.subarray(i * DIM, (i + 1) * DIM), text);
    }
    assert.is((await encoder.encode([])).length, 0);
  });
});

test('order is kept over more texts than one task holds', async () => {
  await withEncoder(async (encoder) => {
    const which = Array.from({ length: 101 }, (_, i) => (i * 5) % words.length);
    const vectors = await encoder.encode(which.map((i) => words[i] as string));
    which.forEach((item, row) => assertUnitRow(vectors, row, minilm.texts[item]?.vector ?? []));
  });
});

test('texts are cut as the sentence configuration says, not as tokenizer.json was saved', async () => {
  const rule = { maxTokens: 10, padTo: 'longest', masksPadding: true } as const;
  const tokenizer = await TextTokenizer.load(MINILM, rule);
  for (const { text, ids } of minilm.texts) assert.equal(tokenizer.encode(text), ids, text);
  const longest = Math.max(...minilm.texts.map(({ ids }) => ids.length));
  assert.is(longest, 10, 'some expected text was cut, and at 10 instead of 6');
  // Without that file 256 counts, here less because the model has no more than 24 places.
  const folder = copyModel(MINILM);
  rmSync(path.join(folder, 'sentence_bert_config.json'));
  await withEncoder(async (encoder) => {
    const [long, at24] = ['red '.repeat(400), 'red '.repeat(22)];
    assertSameRows(await encoder.encode([long]), await encoder.encode([at24]));
    const [full, shorter] = [
      await encoder.encode([at24]),
      await encoder.encode(['red '.repeat(21)]),
    ];
    assert.ok(
      full.some((value, i) => Math.abs(value - (shorter[i] as number)) > 1e-4),
      'the last token that fits counts',
    );
  }, folder);
});

test('the two-part vector is meta and transcript side by side, of unit length', async () => {
  const { item, vector } = minilm.twoPart;
  assert.is(metaText(item), 'red [SEP]  [SEP] blue');
  assert.is(metaText({}), ' [SEP]  [SEP] ');
  await withEncoder(async (encoder) => {
    const rows = await encodeTwoPart(encoder, [{ title: 'a night' }, item]);
    assert.is(rows.length, 2 * 2 * DIM);
    assertUnitRow(rows, 1, vector, 'two parts');
    // Without a transcript: the half of the empty text.
    const empty = present(
      minilm.texts.find(({ text }) => text === ''),
      'the empty text',
    );
    const half = rows.slice(DIM, 2 * DIM).map((value) => value * Math.SQRT2);
    assertUnitRow(half, 0, empty.vector, 'no transcript');
    const wrong = encodeTwoPart(encoder, [{ title: 7 as unknown as string }]);
    assert.is(await codeOf(wrong), 'ERR_ARG_TYPE');
  });
});

test('a file that pools by the first token is followed, others are refused', async () => {
  const folder = copyModel(MINILM);
  const pooling = (mode: string): void =>
    writeFileSync(
      path.join(folder, '1_Pooling', 'config.json'),
      JSON.stringify({ word_embedding_dimension: DIM, [`pooling_mode_${mode}`]: true }),
    );
  pooling('cls_token');
  await withEncoder(async (encoder) => {
    const mean = minilm.texts[0]?.vector ?? [];
    const first = await encoder.encode([words[0] as string]);
    assert.ok(first.some((value, i) => Math.abs(value - (mean[i] as number)) > 1e-3));
  }, folder);
  pooling('max_tokens');
  const error = await errorOf(openSentenceEncoder(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /pools by pooling_mode_max_tokens/);
});

test('outputs that are no embedding are ERR_ENCODE for their text alone', async () => {
  await withEncoder(async (encoder) => {
    const { vectors, errors } = await encoder.encodeEach(['red circle', 'a nan', 'void', 'red']);
    assert.equal(
      errors.map((error) => error?.code),
      [undefined, 'ERR_ENCODE', 'ERR_ENCODE', undefined],
    );
    assert.match(errors[1]?.message ?? '', /not finite/);
    assert.match(errors[2]?.message ?? '', /zero/);
    assertUnitRow(vectors, 0, minilm.texts[0]?.vector ?? []);
    assert.ok(vectors.subarray(DIM, 3 * DIM).every((value) => value === 0));
    const error = await errorOf(encoder.encode(['red', 'nan']));
    assert.is(error.code, 'ERR_ENCODE');
    assert.is(error.details['index'], 1);
    assertUnitRow(await encoder.encode(['red circle']), 0, minilm.texts[0]?.vector ?? []);
  });
});

test('a folder without its files, or of another kind, is told what it lacks', async () => {
  const folder = copyModel(MINILM);
  editJson(folder, 'config.json', { model_type: 'clip' });
  assert.match((await errorOf(openSentenceEncoder(folder))).message, /model_type is "clip"/);
  renameSync(path.join(folder, 'onnx', 'model.onnx'), path.join(folder, 'model.onnx'));
  const error = await errorOf(openSentenceEncoder(folder));
  assert.is(error.code, 'ERR_MODEL_MISSING');
  assert.equal(error.details['files'], ['onnx/model.onnx']);
  assert.match(error.message, /Xenova\/all-MiniLM-L6-v2/);
  const other = copyModel(MINILM);
  editJson(other, 'config.json', { hidden_size: 9 });
  assert.match((await errorOf(openSentenceEncoder(other))).message, /\[n, positions, 9\]/);
});

test('the identity names the weights, and closing refuses what comes after', async () => {
  const encoder = await openSentenceEncoder(MINILM);
  assert.is(encoder.model.id, 'tiny-minilm');
  assert.match(encoder.model.sha256, /^[0-9a-f]{64}$/);
  assert.is(encoder.model.revision, encoder.model.sha256.slice(0, 12));
  await encoder.warm();
  await encoder.close();
  assert.is(await codeOf(encoder.encode(['red'])), 'ERR_CLOSED');
});

test.run();
