/** `models verify` for every kind of model: what each is asked, and that a changed weight is seen. */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip } from '../../lib/encode';
import { listModels, verifyModels, type ModelVerification } from '../../lib/library/models';
import { filesBelow } from '../helpers/loopback-hub';
import { REPOSITORY, TEXT, tinyFiles, VISION, withServedModel } from '../helpers/served-model';
import type { Served } from '../helpers/served-model';
import { makeTempDir } from '../helpers/temp';
import { codeOf } from '../helpers/errors';
import { CLIP_SINGLE, MINILM, SIGLIP, VIDEOMAE, WAV2VEC2 } from '../helpers/tiny-models';

const MODEL = 'onnx/model.onnx';
const TEXTS = ['text-short', 'text-caption', 'text-marks'];
const PICTURES = ['image-gradient', 'image-disc', 'image-checks'];

interface Lock {
  entries: Record<
    string,
    {
      files: Record<string, { sha256: string }>;
      golden?: { vectors: Record<string, string>; preprocessVersion: number };
    }
  >;
}

function editLock(
  { folder, commit }: Served,
  edit: (entry: Lock['entries'][string]) => void,
): void {
  const file = path.join(folder, 'sightline.lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock;
  edit(lock.entries[commit] as Lock['entries'][string]);
  writeFileSync(file, JSON.stringify(lock));
}

/** Other weights under the same name, and a lock entry that says they are right. */
async function swapWeights(served: Served, name: string, tensor: string): Promise<void> {
  const { createHash } = await import('node:crypto');
  const bytes = withFlippedSigns(served.files.get(name) as Buffer, tensor);
  writeFileSync(realpathSync(path.join(served.folder, 'snapshots', served.commit, name)), bytes);
  editLock(served, ({ files }) => {
    (files[name] as { sha256: string }).sha256 = createHash('sha256').update(bytes).digest('hex');
  });
}

/** Every other float of a tensor with the other sign; all the rest of the graph stays what it is. */
function withFlippedSigns(graph: Buffer, tensor: string): Buffer {
  const flipped = Buffer.from(graph);
  // TensorProto: the name, then the tag of raw_data ("J"), its length, the floats.
  let at = flipped.lastIndexOf(`${tensor}J`) + tensor.length + 1;
  assert.ok(at > tensor.length, `there is a tensor ${tensor}`);
  let length = 0;
  for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
    byte = flipped[at++] as number;
    length |= (byte & 0x7f) << shift;
  }
  for (let i = at + 3; i < at + length; i += 8) flipped[i] = (flipped[i] as number) ^ 0x80;
  return flipped;
}

async function verify({ env }: Served): Promise<ModelVerification> {
  const [result] = await verifyModels(REPOSITORY, { env });
  return result as ModelVerification;
}

const namesOf = ({ drift }: ModelVerification): string[] =>
  drift[0]?.items.map(({ name }) => name) ?? [];

function filesOf(folder: string): Map<string, Buffer> {
  const files = filesBelow(folder);
  files.delete('expected.json');
  return files;
}

function filesWithout(...names: string[]): Map<string, Buffer> {
  const files = tinyFiles();
  for (const name of names) files.delete(name);
  for (const name of [...files.keys()]) if (name.includes('_quantized')) files.delete(name);
  files.delete(MODEL);
  return files;
}

/** A CLIP whose towers are one graph. */
function singleFiles(): Map<string, Buffer> {
  return filesWithout(VISION, TEXT).set(MODEL, readFileSync(path.join(CLIP_SINGLE, MODEL)));
}

const kinds: {
  kind: string;
  files: Map<string, Buffer>;
  /** What it is asked. */
  names: string[];
  /** A tensor of a graph, and the start of the names of the answers that it changes. */
  swaps: [graph: string, tensor: string, changed: RegExp][];
}[] = [
  {
    kind: 'CLIP',
    files: tinyFiles(),
    names: [...PICTURES, ...TEXTS],
    swaps: [[TEXT, 'tokens', /^text-/]],
  },
  {
    kind: 'CLIP in one graph',
    files: singleFiles(),
    names: [...PICTURES, ...TEXTS],
    swaps: [[MODEL, 'project', /^image-/]],
  },
  {
    kind: 'SigLIP',
    files: filesOf(SIGLIP),
    names: [...PICTURES, ...TEXTS],
    swaps: [
      [VISION, 'project', /^image-/],
      [TEXT, 'head', /^text-|^image-/],
    ],
  },
  { kind: 'sentence', files: filesOf(MINILM), names: TEXTS, swaps: [[MODEL, 'own', /^text-/]] },
  {
    kind: 'video',
    files: filesOf(VIDEOMAE),
    names: ['video-cycle', 'video-short'],
    swaps: [[MODEL, 'own', /^video-/]],
  },
  {
    kind: 'audio',
    files: filesOf(WAV2VEC2),
    names: ['audio-chirp', 'audio-noise'],
    swaps: [[MODEL, 'context', /^audio-/]],
  },
  {
    kind: 'CLIP of the image tower',
    files: filesWithout(TEXT, 'tokenizer.json', 'tokenizer_config.json'),
    names: PICTURES,
    swaps: [[VISION, 'project', /^image-/]],
  },
  {
    kind: 'CLIP of the text tower',
    files: filesWithout(VISION, 'preprocessor_config.json'),
    names: TEXTS,
    swaps: [[TEXT, 'tokens', /^text-/]],
  },
];

for (const { kind, files, names, swaps } of kinds) {
  test(`${kind}: answers its golden inputs, and a changed weight is reported`, () =>
    withServedModel(async (served) => {
      await served.pull();
      const first = await verify(served);
      assert.ok(first.isOk, first.problems.join());
      assert.equal([first.notes, first.drift.length, first.drift[0]?.isFirst], [[], 1, true]);
      assert.equal(namesOf(first), names);
      const second = await verify(served);
      assert.ok(second.isOk, second.problems.join());
      assert.not.ok(second.drift[0]?.isFirst, 'the first answers were recorded');
      assert.equal(namesOf(second), names);
      assert.ok((second.drift[0]?.worstCosine ?? 0) > 0.999999);
      for (const [graph, tensor, changed] of swaps) {
        await swapWeights(served, graph, tensor);
        const after = await verify(served);
        assert.not.ok(after.isOk, `${graph} ${tensor}`);
        assert.ok(
          after.files.every(({ state }) => state === 'ok'),
          'the files are as recorded',
        );
        assert.ok(after.problems.length > 0);
        for (const problem of after.problems) {
          const said =
            /^fp32: cosine of (\S+) to its golden vector is -?\d\.\d{6}, at least 0\.999/;
          assert.match(said.exec(problem)?.[1] ?? problem, changed);
        }
      }
    }, files));
}

test('a CLIP of one tower is pulled, listed and opened as one', () =>
  withServedModel(
    async (served) => {
      const { env, pull } = served;
      const report = await pull();
      assert.equal(report.files.map((file) => file.path).sort(), [
        'config.json',
        VISION,
        'preprocessor_config.json',
      ]);
      const found = (await listModels(env)).find(({ id }) => id === REPOSITORY);
      assert.equal([found?.state, found?.dtypes], ['complete', ['fp32']]);
      assert.ok((await pull({ env: { ...env, HF_HUB_OFFLINE: '1' } })).files.length === 3);
      const clip = await openClip(REPOSITORY, { env });
      assert.is(await codeOf(clip.text.encode(['red'])), 'ERR_MODEL_MISSING');
      await clip.close();
    },
    filesWithout(TEXT, 'tokenizer.json', 'tokenizer_config.json'),
  ));

test('a kind of model that has no golden inputs is checked by its files, and that is said', () => {
  const files = filesOf(WAV2VEC2).set('config.json', Buffer.from('{"model_type":"whisper"}'));
  return withServedModel(async (served) => {
    await served.pull();
    const result = await verify(served);
    assert.ok(result.isOk);
    assert.equal([result.files.length, result.drift], [3, []]);
    assert.match(result.notes[0] ?? '', /only files were checked/);
  }, files);
});

test('a model that cannot be opened as what it says is a problem, with the reason', () => {
  const files = filesOf(MINILM).set(MODEL, filesOf(WAV2VEC2).get(MODEL) as Buffer);
  return withServedModel(async (served) => {
    await served.pull();
    const result = await verify(served);
    assert.not.ok(result.isOk);
    assert.match(
      result.problems[0] ?? '',
      /^fp32: it fails on the golden inputs: .*expected input_ids/,
    );
  }, files);
});

test('golden vectors of fewer inputs, as an earlier release recorded them, are compared as they are', () =>
  withServedModel(async (served) => {
    await served.pull();
    await verify(served);
    editLock(served, ({ golden }) => delete golden?.vectors['audio-noise']);
    const result = await verify(served);
    assert.ok(result.isOk, result.problems.join());
    assert.equal(namesOf(result), ['audio-chirp']);
    // A golden vector of another length has no cosine, which is a problem.
    editLock(served, ({ golden }) =>
      Object.assign(golden?.vectors ?? {}, { 'audio-chirp': 'AACAPw==' }),
    );
    assert.match((await verify(served)).problems.join(), /cosine of audio-chirp .* is NaN/);
  }, filesOf(WAV2VEC2)));

test('golden vectors of another preparation of inputs are recorded anew, and nothing has drifted', () =>
  withServedModel(async (served) => {
    await served.pull();
    await verify(served);
    editLock(served, ({ golden }) => {
      if (golden === undefined) return;
      golden.preprocessVersion = 0;
      const [chirp, noise] = [golden.vectors['audio-chirp'], golden.vectors['audio-noise']];
      Object.assign(golden.vectors, { 'audio-chirp': noise, 'audio-noise': chirp });
    });
    const anew = await verify(served);
    assert.ok(anew.isOk, anew.problems.join());
    assert.ok(anew.drift[0]?.isFirst);
    assert.match(anew.notes[0] ?? '', /recorded again/);
    const after = await verify(served);
    assert.equal([after.isOk, after.drift[0]?.isFirst, after.notes], [true, false, []]);
    editLock(served, ({ golden }) => {
      const { 'audio-noise': noise } = golden?.vectors ?? {};
      Object.assign(golden?.vectors ?? {}, { 'audio-chirp': noise });
    });
    assert.not.ok((await verify(served)).isOk, 'what was recorded anew is compared with');
  }, filesOf(WAV2VEC2)));

test('a folder under the name of a pulled model is what would be loaded, and is not answered for', () =>
  withServedModel(async (served) => {
    await served.pull();
    const before = process.cwd();
    const here = makeTempDir('here');
    mkdirSync(path.join(here, REPOSITORY), { recursive: true });
    process.chdir(here);
    try {
      const code = await codeOf(verifyModels(REPOSITORY, { env: served.env }));
      assert.ok(['ERR_ARG_RANGE', 'ERR_MODEL_MISSING'].includes(code), code);
    } finally {
      process.chdir(before);
    }
    assert.ok((await verify(served)).isOk);
  }));

test('of all models, those with a number type are verified when one is asked for', () =>
  withServedModel(async ({ pull, env }) => {
    const verified = async (dtype: 'fp32' | 'q8'): Promise<string[]> =>
      (await verifyModels(undefined, { env, dtype })).map(({ id, isOk }) => `${id} ${isOk}`);
    await pull();
    assert.equal(await verified('q8'), []);
    assert.equal(await verified('fp32'), ['builtin true', `${REPOSITORY} true`]);
  }));

test.run();
