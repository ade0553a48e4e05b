/**
 * Crafted models, tokenizers, texts and sounds: a typed error or a defined vector, nothing in the rows
 * of what failed, and the next good input works on the same encoder.
 */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  openAudioEncoder,
  openClip,
  openSentenceEncoder,
  openVideoEncoder,
  type SentenceEncoder,
} from '../../lib/encode';
import { readSignature } from '../../lib/models/onnx/onnx-signature';
import { TextTokenizer } from '../../lib/encode/preprocess/tokenizer';
import { decodeAudio, sampleClip } from '../../lib/media';
import { scaled } from '../helpers/deadline';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { externalTensor, field, model } from '../helpers/onnx-bytes';
import { sharedData } from '../helpers/shared-data';
import { skip, testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { copyTinyClip, texts } from '../helpers/tiny-clip';
import {
  assertUnitRow,
  copyModel,
  DIM,
  editJson,
  MINILM,
  minilm,
  VIDEOMAE,
  WAV2VEC2,
} from '../helpers/tiny-models';

const GRAPH = path.join('onnx', 'model.onnx');
const first = minilm.texts[0] as (typeof minilm.texts)[number];

const KINDS: [string, string, (folder: string) => Promise<unknown>][] = [
  ['sentence', MINILM, (folder) => openSentenceEncoder(folder)],
  ['video', VIDEOMAE, (folder) => openVideoEncoder(folder)],
  ['audio', WAV2VEC2, (folder) => openAudioEncoder(folder)],
];

for (const [kind, source, open] of KINDS) {
  test(`${kind}: weights elsewhere, links, pointers and cut files are refused when opened`, async () => {
    const folder = copyModel(source);
    const file = path.join(folder, GRAPH);
    const bytes = readFileSync(file);
    const withFile = async (content: Buffer | string): Promise<Error & { code: string }> => {
      writeFileSync(file, content);
      return errorOf(open(folder));
    };
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90387606\n';
    const cases: [Buffer | string, RegExp][] = [
      [model(field(5, externalTensor('../../secret.bin'))), /outside its folder/],
      [model(field(5, externalTensor('/etc/hostname'))), /outside its folder/],
      [model(field(5, externalTensor('weights.bin'))), /holds only the graph/],
      [pointer, /Git LFS pointer.*90387606 bytes/],
      ['<!DOCTYPE html>', /web page/],
      ['', /ONNX model/],
      [bytes.subarray(0, bytes.length / 2), /damaged or not an ONNX model/],
      [model(), /inputs are none, expected/],
    ];
    for (const [content, reason] of cases) {
      const error = await withFile(content);
      assert.is(error.code, 'ERR_MODEL_INVALID');
      assert.match(error.message, reason);
    }
    rmSync(file);
    symlinkSync(path.join(source, GRAPH), file);
    assert.match((await errorOf(open(folder))).message, /outside the model's folder/);
  });
}

test('the real graph without its weights and the real pointer are refused as sentence encoders', async () => {
  const samples = sharedData('models', 'not-embedders');
  if (samples === undefined) return skip('no shared models');
  const folder = copyModel(MINILM);
  cpSync(path.join(samples, 'all-MiniLM-L6-v2.graph-only.onnx'), path.join(folder, GRAPH));
  assert.match((await errorOf(openSentenceEncoder(folder))).message, /holds only the graph/);
  // What goes in and out can be read all the same.
  const { inputs, outputs } = readSignature(path.join(folder, GRAPH));
  assert.ok(inputs.some(({ name, type }) => name === 'input_ids' && type === 'int64'));
  assert.is(outputs[0]?.shape?.at(-1), 384);
  cpSync(path.join(samples, 'lfs-pointer.model_quantized.onnx'), path.join(folder, GRAPH));
  assert.match((await errorOf(openSentenceEncoder(folder))).message, /Git LFS pointer/);
});

test('real models that are no embedders are refused by what goes in', async () => {
  const vad = sharedData('models', 'silero-vad', 'onnx', 'silero_vad.onnx');
  if (vad === undefined) return skip('no shared models');
  const folder = copyModel(WAV2VEC2);
  rmSync(path.join(folder, GRAPH));
  cpSync(vad, path.join(folder, GRAPH));
  const error = await errorOf(openAudioEncoder(folder));
  assert.is(error.code, 'ERR_MODEL_INVALID');
  assert.match(error.message, /inputs are input, state, sr, expected input_values/);
});

test('damaged signatures never crash, hang or give more than a typed error', () => {
  const seed = 23;
  console.log(`seed ${seed}`);
  const bytes = readFileSync(path.join(MINILM, GRAPH));
  const file = path.join(makeTempDir('signature'), 'model.onnx');
  let state = seed;
  let refused = 0;
  for (let i = 0; i < 600; i++) {
    const damaged = Buffer.from(i % 2 === 0 ? bytes : bytes.subarray(0, (i * 31) % bytes.length));
    for (let flips = 0; flips < 4 && damaged.length > 0; flips++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      damaged[state % damaged.length] = (state >>> 8) & 255;
    }
    writeFileSync(file, damaged);
    try {
      readSignature(file);
    } catch (error) {
      assert.is((error as { code?: string }).code, 'ERR_MODEL_INVALID', String(error));
      refused++;
    }
  }
  assert.ok(refused > 250, `${refused} refused`);
});

test('graphs of other types and shapes are refused with both shapes in the message', async () => {
  const tensor = (name: string, type: number, shape: readonly (number | string)[]): Buffer => {
    const dims = shape.map((size) =>
      field(1, typeof size === 'string' ? field(2, size) : Buffer.from([8, size])),
    );
    const inner = Buffer.concat([Buffer.from([8, type]), field(2, Buffer.concat(dims))]);
    return Buffer.concat([field(1, name), field(2, field(1, inner))]);
  };
  const input = (...parts: Parameters<typeof tensor>): Buffer => field(11, tensor(...parts));
  const output = (...parts: Parameters<typeof tensor>): Buffer => field(12, tensor(...parts));
  const ids = input('input_ids', 7, ['n', 's']);
  const cases: [Buffer, RegExp][] = [
    [model(ids, output('logits', 1, ['n', 2])), /outputs are logits.*feature-extraction/],
    [model(ids, output('last_hidden_state', 1, ['n', 's', 9])), /\[n, positions, 8\].*\[n, s, 9\]/],
    [model(ids, output('last_hidden_state', 1, ['n', 8])), /received \[n, 8\]/],
    [model(ids, output('last_hidden_state', 10, ['n', 's', 8])), /in float16/],
    [model(input('input_ids', 1, ['n', 's']), output('x', 1, ['n'])), /input_ids is float32/],
    [
      model(input('input_ids', 7, [4, 's']), output('last_hidden_state', 1, ['n', 's', 8])),
      /cannot hold/,
    ],
    [
      model(input('input_ids', 7, ['n', 3]), output('last_hidden_state', 1, ['n', 's', 8])),
      /cannot hold/,
    ],
    [model(ids, input('labels', 7, ['n']), output('x', 1, ['n'])), /inputs are input_ids, labels/],
  ];
  const folder = copyModel(MINILM);
  for (const [bytes, reason] of cases) {
    writeFileSync(path.join(folder, GRAPH), bytes);
    const error = await errorOf(openSentenceEncoder(folder));
    assert.is(error.code, 'ERR_MODEL_INVALID');
    assert.match(error.message, reason);
  }
});

test('a file that is exchanged after opening is refused by the worker, and works once put back', async () => {
  const folder = copyModel(MINILM);
  const file = path.join(folder, GRAPH);
  const good = readFileSync(file);
  const encoder = await openSentenceEncoder(folder);
  writeFileSync(file, readFileSync(path.join(WAV2VEC2, GRAPH)));
  const error = await errorOf(encoder.encode(['red']));
  assert.is(error.code, 'ERR_MODEL_HASH');
  assert.match(error.message, /is not the file/);
  writeFileSync(file, good);
  assertUnitRow(await encoder.encode([first.text]), 0, first.vector);
  await encoder.close();
});

async function staysAlive(encoder: SentenceEncoder): Promise<void> {
  assertUnitRow(await encoder.encode([first.text]), 0, first.vector, 'the next good text');
}

test('hostile texts give a defined unit vector, soon, and the same every time', async () => {
  const encoder = await openSentenceEncoder(MINILM);
  const hostile = [
    '',
    ' \t\r\n',
    '\u0000\u0001\u001b[31m\u007f\u0085',
    'a'.repeat(1 << 20),
    'red '.repeat(1 << 18),
    '🙂'.repeat(300_000),
    'e\u0301\u0302'.repeat(50_000),
    '\ud800',
    'red \udc00\ud800 blue',
    '\u202e\ufeff\ufffe\u2028',
    '[CLS][SEP][PAD][MASK]<|endoftext|></s>'.repeat(1000),
    '\u4e00'.repeat(100_000),
  ];
  for (const text of hostile) {
    const name = JSON.stringify(text.slice(0, 12));
    const [once, again] = [await encoder.encode([text]), await encoder.encode(['red', text])];
    const length = Math.hypot(...once);
    assert.ok(Math.abs(length - 1) < 1e-5, `${name} has length ${length}`);
    once.forEach((value, i) =>
      assert.ok(Math.abs(value - (again[DIM + i] as number)) < 1e-6, `${name} differs in a batch`),
    );
  }
  await staysAlive(encoder);
  // A lone half is what any way through UTF-8 makes of it.
  const halves = await encoder.encode(['red \ud800', 'red \ufffd']);
  assert.equal([...halves.subarray(0, DIM)], [...halves.subarray(DIM)]);
  await encoder.close();
});

for (const [name, maxTokens] of [
  ['clip-vit-base-patch32', 77],
  ['all-MiniLM-L6-v2', 256],
] as const)
  test(`the real tokenizer of ${name} ends soon on one word of a megabyte`, async () => {
    const folder = sharedData('models', name);
    if (folder === undefined) return skip('no shared models');
    const rule = { maxTokens, padTo: 'longest', masksPadding: true } as const;
    const tokenizer = await TextTokenizer.load(folder, rule);
    for (const unit of ['a', '🙂', '\u0301', '\ud800', '\u0000', 'ab ', '\u4e00', '!']) {
      const started = performance.now();
      const ids = tokenizer.encode(unit.repeat((1 << 20) / unit.length));
      const tookMs = performance.now() - started;
      assert.ok(ids.length >= 2 && ids.length <= maxTokens, `${ids.length} tokens`);
      assert.ok(tookMs < scaled(5000), `${name}, ${JSON.stringify(unit)}: ${tookMs} ms`);
    }
    // 256 tokens of common words are not cut by characters before.
    const words = tokenizer.encode('something '.repeat(maxTokens));
    assert.is(words.length, maxTokens);
  });

test('tokenizer bombs: too large, too deep, no vocabulary; put right, the encoder works', async () => {
  const folder = copyModel(MINILM);
  const file = path.join(folder, 'tokenizer.json');
  const good = readFileSync(file);
  const encoder = await openSentenceEncoder(folder);
  const bombs: [string, Buffer | string, RegExp][] = [
    [
      '32 MB and a byte',
      Buffer.alloc((32 << 20) + 1, 0x20),
      /33554433 bytes, allowed are 33554432/,
    ],
    ['deep', `{"model":${'['.repeat(100_000)}`, /nests deeper than 64/],
    ['no object', '[]', /does not hold a JSON object/],
    ['cut off', good.subarray(0, 900), /is not JSON/],
    ['no model', '{}', /not a usable tokenizer/],
    ['another model', '{"model":{"type":"Unheard","vocab":{}}}', /not a usable tokenizer/],
  ];
  for (const [name, content, reason] of bombs) {
    writeFileSync(file, content);
    const error = await errorOf(encoder.encode(['red']));
    assert.is(error.code, 'ERR_MODEL_INVALID', name);
    assert.match(error.message, reason);
  }
  rmSync(file);
  assert.is(await codeOf(encoder.encode(['red'])), 'ERR_MODEL_MISSING');
  writeFileSync(file, good);
  await staysAlive(encoder);
  await encoder.close();
});

test('a pattern that takes for ever ends with the deadline, and the next text works', async () => {
  const folder = copyModel(MINILM);
  editJson(folder, 'tokenizer.json', {
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: '(a+)+!' }, behavior: 'Isolated', invert: false },
        { type: 'BertPreTokenizer' },
      ],
    },
  });
  const encoder = await openSentenceEncoder(folder, { timeoutMs: scaled(3000) });
  await encoder.warm();
  assert.is(await codeOf(encoder.encode(['a'.repeat(60)])), 'ERR_TIMEOUT');
  await staysAlive(encoder);
  await encoder.close();
});

test('token ids beyond the embedding table are ERR_ENCODE', async () => {
  const folder = copyModel(MINILM);
  const file = path.join(folder, 'tokenizer.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"night": 11', '"night": 1000000'));
  const encoder = await openSentenceEncoder(folder);
  assert.is(await codeOf(encoder.encode(['night'])), 'ERR_ENCODE');
  await staysAlive(encoder);
  await encoder.close();
});

test('CLIP takes empty texts and lone surrogates, and the tower goes on', async () => {
  const clip = await openClip(copyTinyClip());
  const [text] = texts;
  assert.is((await clip.text.encode(['\ud800', ''])).length, 2 * 8);
  assertUnitRow(await clip.text.encode([text?.text ?? '']), 0, text?.vector ?? []);
  await clip.close();
});

test('every real sound has a defined outcome from file to vector', async () => {
  const base = sharedData('media', 'audio');
  if (noFfmpeg !== undefined || base === undefined) return skip(noFfmpeg ?? 'no shared media');
  const encoder = await openAudioEncoder(WAV2VEC2);
  const sound = (name: string) => decodeAudio({ absPath: path.join(base, name) });
  const bytes = readFileSync(path.join(base, '0_jackson_0.wav'));
  const folder = makeTempDir('sounds');
  const cut = path.join(folder, 'cut.wav');
  for (const length of [bytes.length - 1, 4001, 60, 46, 44]) {
    writeFileSync(cut, bytes.subarray(0, length));
    const outcome = await decodeAudio({ absPath: cut })
      .then(({ samples }) => encoder.encode([samples]))
      .then(
        (row) => Math.round(Math.hypot(...row) * 1000) / 1000,
        (error: unknown) => (error as { code: string }).code,
      );
    // 60 bytes are 8 samples at 8 kHz: fewer than the model needs.
    assert.is(outcome, length > 1000 ? 1 : 'ERR_MEDIA_UNSUPPORTED', `${length} bytes`);
  }
  for (const name of ['sine_16ch_s16.wav', '8bit-alaw-8kHz-mono.wav', 'RIFX-16bit-mono.wav']) {
    const row = await encoder.encode([(await sound(name)).samples]);
    assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-5, name);
  }
  assert.is(await codeOf(sound('empty-44-bytes.wav')), 'ERR_MEDIA_UNSUPPORTED');
  await encoder.close();
});

testUnless(noFfmpeg)(
  'a video of fewer than 16 frames is embedded, its last frame repeated',
  async () => {
    const file = path.join(makeTempDir('short'), 'short.mp4');
    writeVideo(file, 0.3);
    const frames = (await sampleClip({ absPath: file })).map(({ jpeg }) => jpeg);
    assert.is(frames.length, 3);
    const encoder = await openVideoEncoder(VIDEOMAE);
    const last = frames[2] as Buffer;
    const padded = [...frames, ...Array.from({ length: 13 }, () => last)];
    const [short, whole] = [await encoder.encode([frames]), await encoder.encode([padded])];
    assert.equal([...short], [...whole]);
    await encoder.close();
  },
);

test.run();
