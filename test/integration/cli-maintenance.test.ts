/** stats, verify, doctor, models, config, demo and bench through the real command. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Check } from '../../lib/library/diagnose/diagnostics';
import type { LibraryStats, SearchResponse, SyncReport, VerifyReport } from '../../lib/base/types';
import { SAMPLE_PICTURES, SAMPLE_VIDEOS } from '../../lib/library/sample-library';
import { renderPicture, samplePlan } from '../../sample';
import { findVideoEncoders, writeVideo } from '../../sample/film-writer';
import { isLong } from '../helpers/campaign';
import { documentOf, runCli, startCli } from '../helpers/cli';
import { ffmpeg, noFfmpeg } from '../helpers/media';
import { drawPictures } from '../helpers/media-folder';
import { skip, testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { copyTinyClip } from '../helpers/tiny-clip';

interface Demo {
  sample: { isReused: boolean; pictures: number };
  sync: SyncReport;
  searches: SearchResponse[];
  phasesMs: Record<string, number>;
}

const root = makeTempDir('cli-maintenance');
test.before(async () => {
  await drawPictures(root, 4);
  assert.is((await runCli(['sync', root])).code, 0);
});

test('stats are figures for people and one document for programs', async () => {
  const stats = documentOf<LibraryStats>(await runCli(['stats', root, '--json']));
  assert.is(stats.images, 4);
  assert.is(stats.frames, 4);
  assert.is(stats.hnswNodes, 4);
  assert.is(stats.root, root);
  const text = await runCli(['stats', root]);
  assert.match(text.stdout, /^pictures +4$/m);
  assert.match(text.stdout, /^kernel +\S+$/m);
  assert.match((await runCli(['stats', root, '--problems'])).stderr, /no problems/);
});

test('verify is 0 on a sound library, 3 with the finding, and --repair mends it', async () => {
  const sound = await runCli(['verify', root, '--json']);
  assert.is(sound.code, 0, sound.stdout);
  assert.equal(documentOf<VerifyReport>(sound).problems, []);
  rmSync(path.join(root, '.sightline', 'frames', '0', '2.jpg'));
  const damaged = await runCli(['verify', root, '--json']);
  assert.is(damaged.code, 3);
  const report = documentOf<VerifyReport>(damaged);
  assert.is(report.ok, false);
  assert.match(report.problems.join('\n'), /2\.jpg|frame 2/);
  const text = await runCli(['verify', root]);
  assert.is(text.code, 3);
  assert.match(text.stderr, /verify --repair/);
  const repaired = await runCli(['verify', root, '--repair']);
  assert.is(repaired.code, 0, repaired.stdout + repaired.stderr);
  assert.is((await runCli(['verify', root])).code, 0);
});

test('doctor tries every part and says what to do', async () => {
  const result = await runCli(['doctor', root, '--json']);
  const { ok, checks } = documentOf<{ ok: boolean; checks: Check[] }>(result);
  assert.is(result.code, ok ? 0 : 4);
  const names = ['node', 'engine', 'sqlite', 'ffmpeg', 'sharp', 'onnxruntime', 'model', 'disk'];
  const atWork = ['decoder', 'image encoder', 'text encoder'];
  for (const name of [...names, ...atWork])
    assert.ok(
      checks.some((check) => check.name === name),
      name,
    );
  const byName = (name: string): Check | undefined => checks.find((check) => check.name === name);
  assert.match(byName('engine')?.detail ?? '', /^kernel \w+/);
  assert.match(byName('model')?.detail ?? '', /builtin.*SHA-256 [0-9a-f]{64}/);
  for (const name of atWork) assert.is(byName(name)?.state, 'ok', byName(name)?.detail);
  for (const check of checks.filter((each) => each.state === 'missing'))
    assert.ok(check.remedy !== undefined, `${check.name} has a remedy`);
});

test('doctor finds out that a model of the right shape embeds nothing, and why', async () => {
  const model = copyTinyClip();
  const tower = path.join(model, 'onnx', 'vision_model.onnx');
  const bytes = readFileSync(tower);
  // Weights that are no numbers: the file loads, and what comes out is no embedding.
  bytes.fill(0xff, bytes.length >> 2, bytes.length >> 1);
  writeFileSync(tower, bytes);
  const result = await runCli(['doctor', root, '--json', '--model', model]);
  const { checks } = documentOf<{ checks: Check[] }>(result);
  assert.is(result.code, 4);
  const image = checks.find((check) => check.name === 'image encoder');
  assert.is(image?.state, 'missing');
  assert.match(image?.detail ?? '', /not an embedding/);
  assert.is(checks.find((check) => check.name === 'text encoder')?.state, 'ok');
});

test('doctor is 4 when a part is missing', async () => {
  const result = await runCli(['doctor', root, '--model', 'nobody/nothing']);
  assert.is(result.code, 4);
  assert.match(result.stdout, /missing +model/);
  assert.match(result.stderr, /^model: /m);
});

test('models list names the built-in model', async () => {
  const { models } = documentOf<{ models: { id: string; folder: string; sizeBytes: number }[] }>(
    await runCli(['models', 'list', '--json']),
  );
  const builtin = models.find((model) => model.id === 'builtin');
  assert.ok(builtin !== undefined && existsSync(builtin.folder));
  assert.ok(builtin.sizeBytes > 1000);
});

test('config print shows where each value comes from, and no secret', async () => {
  const dir = path.join(root, '.sightline');
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, 'config.json'), '{"maxSize": 256, "wrong": 1}');
  const env = { SIGHTLINE_FPS: '2', SIGHTLINE_TOKEN: 'hush-hush' };
  const result = await runCli(['config', 'print', root, '--show-origin', '--model', 'a/b'], {
    env,
  });
  assert.is(result.code, 0, result.stderr);
  assert.match(result.stdout, /^model +"a\/b" +flag --model$/m);
  assert.match(result.stdout, /^fps +2 +environment SIGHTLINE_FPS$/m);
  assert.match(result.stdout, /^maxSize +256 +file .*config\.json$/m);
  assert.match(result.stdout, /^port +8000 +default$/m);
  assert.match(result.stderr, /"wrong" is not a setting/);
  assert.not.match(result.stdout + result.stderr, /hush-hush/);
  const json = await runCli(['config', 'print', root, '--json'], { env });
  assert.is(documentOf<{ maxSize: number }>(json).maxSize, 256);
  assert.not.match(json.stdout, /hush-hush/);
  rmSync(path.join(dir, 'config.json'));
});

test('bench hands its options to the suite and reports its refusal', async () => {
  const help = await runCli(['bench', '--help']);
  assert.is(help.code, 0, help.stderr);
  for (const option of ['--queries', '--queries-file', '--ef-search', '--repeat', '--output'])
    assert.ok(help.stdout.includes(option), option);
  assert.is((await runCli(['bench', '--no-such-option'])).code, 2);
});

test('the demo draws, indexes and searches, and draws only once', async () => {
  const cwd = makeTempDir('cli-demo');
  const args = ['demo', '--pictures', '15', '--videos', '0', '--no-serve', '--json'];
  const first = await runCli(args, { cwd });
  assert.is(first.code, 0, first.stderr);
  const demo = documentOf<Demo>(first);
  assert.is(demo.sample.isReused, false);
  assert.is(demo.sync.indexed, 15);
  assert.is(demo.searches.length, 3);
  for (const search of demo.searches) assert.is(search.results.length, 5);
  assert.match(first.stderr, /times: drawing .+, sync .+, 3 searches/);
  const again = documentOf<Demo>(await runCli(args, { cwd }));
  assert.is(again.sample.isReused, true);
  assert.is(again.sync.indexed, 0);
});

/** A tenth of the default sample, with the picture and the films that the demo searches for, marked as whole. */
async function drawPartOfSample(dir: string): Promise<void> {
  const plan = samplePlan(2024, SAMPLE_PICTURES, SAMPLE_VIDEOS);
  for (const [i, { path: name, scene, side, format }] of plan.pictures.entries()) {
    if (i % 10 !== 0 && name !== 'holiday/sky 012.jpg') continue;
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), await renderPicture(scene, side, format));
  }
  mkdirSync(path.join(dir, 'videos'));
  const encoders = await findVideoEncoders(ffmpeg);
  for (const { path: name, film, codec } of plan.videos.filter((_, i) => i === 3 || i === 5))
    await writeVideo(film, path.join(dir, name), { ffmpegPath: ffmpeg, encoder: encoders[codec] });
  const whole = { version: 1, pictures: SAMPLE_PICTURES, videos: SAMPLE_VIDEOS, isComplete: true };
  writeFileSync(path.join(dir, '.sample-library.json'), JSON.stringify(whole));
}

testUnless(noFfmpeg)(
  'the demo searches for what its sample holds, and finds it first',
  async () => {
    const cwd = makeTempDir('cli-demo-hits');
    if (!isLong) await drawPartOfSample(path.join(cwd, 'sample'));
    const result = await runCli(['demo', 'sample', '--no-serve', '--json'], { cwd });
    assert.is(result.code, 0, result.stderr);
    const { searches, sample } = documentOf<Pick<Demo, 'searches' | 'sample'>>(result);
    assert.is(sample.isReused, !isLong);
    // Drawn with the default seed: a red heart is in the file of the first line, and so on.
    assert.equal(
      searches.map(({ query, results }) => [query, results[0]?.media_path]),
      [
        ['a red heart', 'holiday/sky 012.jpg'],
        ['four black triangles', 'videos/clip 06.webm'],
        ['white rings and a purple arrow on water', 'videos/clip 04.webm'],
      ],
    );
  },
);

test('without ffmpeg the demo has pictures only, and draws the films once ffmpeg is there', async () => {
  const cwd = makeTempDir('cli-demo-films');
  const args = ['demo', '--pictures', '5', '--videos', '1', '--no-serve'];
  const env = { SIGHTLINE_FFMPEG: path.join(cwd, 'no-such-ffmpeg') };
  const without = await runCli(args, { cwd, env });
  assert.is(without.code, 0, without.stderr);
  assert.match(without.stderr, /5 pictures and 0 videos drawn/);
  assert.match(without.stderr, /no videos: .*no-such-ffmpeg/);
  if (noFfmpeg !== undefined) return skip(noFfmpeg);
  const withFilms = await runCli(args, { cwd });
  assert.is(withFilms.code, 0, withFilms.stderr);
  assert.match(withFilms.stderr, /5 pictures and 1 video drawn/);
});

test('a drawing that was interrupted is drawn again instead of refused', async () => {
  const cwd = makeTempDir('cli-demo-half');
  const args = ['demo', 'sample', '--pictures', '300', '--videos', '0', '--no-serve'];
  const half = startCli([...args, '--progress', 'json'], { cwd, ownGroup: true });
  await half.until(/"phase":"draw","done":3,/);
  half.ctrlC();
  assert.is((await half.ended).code, 130);
  const whole = await runCli(['demo', 'sample', '--pictures', '5', ...args.slice(4)], { cwd });
  assert.is(whole.code, 0, whole.stderr);
  assert.match(whole.stderr, /5 pictures and 0 videos drawn/);
});

test('the demo does not draw into a folder that holds other files', async () => {
  const result = await runCli(['demo', root, '--no-serve']);
  assert.is(result.code, 2);
  assert.match(result.stderr, /holds other files/);
  assert.ok(readFileSync(path.join(root, 'picture-000.jpg')).length > 0);
});

test.run();
