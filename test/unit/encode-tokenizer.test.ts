/** Token ids against published cases, cutting and padding. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  cutText,
  MIN_TEXT_CODE_POINTS,
  TextTokenizer,
} from '../../lib/encode/preprocess/tokenizer';
import type { TextRule } from '../../lib/encode/preprocess/tokenizer';
import { scaled } from '../helpers/deadline';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';
import { codeOf } from '../helpers/errors';
import { copyTinyClip, texts, TINY_CLIP } from '../helpers/tiny-clip';

const rule = (maxTokens: number): TextRule => ({
  maxTokens,
  padTo: 'longest',
  masksPadding: true,
});

interface Cases {
  cases: { name: string; text: string; text_pair?: string; ids: number[] }[];
}

for (const { modelName, file, pairs, least } of [
  { modelName: 'clip-vit-base-patch32', file: 'clip_tokenizer_cases.json', pairs: 0, least: 25 },
  { modelName: 'all-MiniLM-L6-v2', file: 'bert_uncased_tokenizer_cases.json', pairs: 1, least: 29 },
]) {
  test(`all published cases of ${file} are reproduced`, async () => {
    const folder = sharedData('models', modelName);
    const reference = sharedData('reference', file);
    if (folder === undefined || reference === undefined) return skip('no shared models');
    const tokenizer = await TextTokenizer.load(folder, rule(4096));
    const { cases } = JSON.parse(readFileSync(reference, 'utf8')) as Cases;
    // Cases for two texts at once concern rerankers; encoders get one text.
    const single = cases.filter((item) => !/PAIR/.test(item.name));
    assert.is(cases.length - single.length, pairs);
    for (const item of single) assert.equal(tokenizer.encode(item.text), item.ids, item.name);
    assert.ok(single.length >= least, `${single.length} cases`);
    console.log(`${single.length} of ${cases.length} cases, all equal`);
  });
}

test('the tiny model gives the expected ids, cut to its length with the end token kept', async () => {
  const tokenizer = await TextTokenizer.load(TINY_CLIP, rule(12));
  for (const item of texts) assert.equal(tokenizer.encode(item.text), item.ids, item.text);
  const long = tokenizer.encode('green '.repeat(40));
  assert.is(long.length, 12);
  assert.is(long[11], 12);
});

test('real CLIP cuts to 77 tokens that begin and end as they should', async () => {
  const folder = sharedData('models', 'clip-vit-base-patch32');
  if (folder === undefined) return skip('no shared models');
  const tokenizer = await TextTokenizer.load(folder, rule(77));
  const ids = tokenizer.encode('a photo of a cat '.repeat(50));
  assert.is(ids.length, 77);
  assert.is(ids[0], 49406);
  assert.is(ids[76], 49407);
  assert.is(tokenizer.padId, 49407, 'CLIP pads with its end token');
  // Strange, long and hostile texts must end quickly and within bounds.
  for (const text of [
    '',
    ' ',
    '\u0000',
    'a'.repeat(100_000),
    '\ud800',
    '🙂'.repeat(3000),
    'é̂'.repeat(900),
  ]) {
    const started = performance.now();
    const some = tokenizer.encode(text);
    assert.ok(some.length >= 2 && some.length <= 77);
    assert.ok(performance.now() - started < scaled(2000), `${text.slice(0, 5)} took too long`);
  }
});

test('a batch is padded at the end to its longest text, or to the length the graph wants', async () => {
  const tokenizer = await TextTokenizer.load(TINY_CLIP, rule(12));
  const { ids, mask, length } = tokenizer.encodeBatch(['red', 'red blue green']);
  assert.is(length, 5);
  assert.equal([...ids].map(Number), [1, 2, 12, 12, 12, 1, 2, 4, 3, 12]);
  assert.equal([...mask].map(Number), [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
  assert.is(tokenizer.encodeBatch(['red'], 12).length, 12);
});

test('texts are cut by code points and never inside a pair; halves of pairs become U+FFFD', () => {
  const most = MIN_TEXT_CODE_POINTS;
  assert.is(cutText('abc', most), 'abc');
  assert.is(cutText('a'.repeat(5000), most).length, most);
  const smiles = cutText('🙂'.repeat(2000), most);
  assert.is([...smiles].length, most);
  assert.is(smiles.length, 2 * most);
  assert.is(cutText('🙂'.repeat(600), most).length, 1200, 'under the limit it stays whole');
  assert.is(cutText('a\ud83d', most), 'a\ufffd');
  assert.is(cutText('\ude42\ud83d🙂b', most), '\ufffd\ufffd🙂b');
});

test('a broken tokenizer is ERR_MODEL_INVALID', async () => {
  const folder = copyTinyClip();
  const file = path.join(folder, 'tokenizer.json');
  for (const content of ['{}', '{"model":{"type":"Unheard"}}', '{"model":7}', '[1]', '{"a":']) {
    writeFileSync(file, content);
    assert.is(await codeOf(TextTokenizer.load(folder, rule(12))), 'ERR_MODEL_INVALID', content);
  }
});

test.run();
