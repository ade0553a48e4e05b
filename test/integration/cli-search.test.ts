/** Searching from the command line: first use, later use, and every form of output. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import type { SearchResponse, SearchResult, SyncReport } from '../../lib/base/types';
import { rounds } from '../helpers/campaign';
import { documentOf, runCli } from '../helpers/cli';
import { noFfmpeg, writeVideo } from '../helpers/media';
import { drawing, drawPictures, MEDIA_SEED } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';
import { testUnless } from '../helpers/skip';

const PICTURES = 8;
const EVIL = 'two\nlines\u001b[2J\u202e.jpg';
const root = makeTempDir('cli-search');
const parent = path.dirname(root);
const hasFilm = noFfmpeg === undefined;
let files = 0;
console.log(`media seed ${MEDIA_SEED}`);

test.before(async () => {
  await drawPictures(path.join(root, 'pictures'), PICTURES);
  writeFileSync(path.join(root, EVIL), await drawing(PICTURES));
  if (hasFilm) writeVideo(path.join(root, 'film.mp4'), 3);
  files = PICTURES + 1 + (hasFilm ? 1 : 0);
});

test('the first search makes the library, indexes everything and answers', async () => {
  const result = await runCli(['a red circle', root, '--min-similarity', '0']);
  assert.is(result.code, 0, result.stderr);
  assert.match(result.stderr, new RegExp(`${files} files indexed`));
  const lines = result.stdout.trimEnd().split('\n');
  assert.match(lines[0] ?? '', /^ *# +similarity +time +frame +path$/);
  const shown = Math.min(20, PICTURES + 1 + (hasFilm ? 3 : 0));
  assert.is(lines.length, 1 + shown);
  assert.match(lines[1] ?? '', /^ *1 +[01]\.\d{3} +(-|\d+:\d\d\.\d) +\d+ +\S/);
});

test('a second sync finds nothing to do and indexes nothing', async () => {
  const result = await runCli(['sync', root, '--json']);
  assert.is(result.code, 0, result.stderr);
  const report = documentOf<SyncReport>(result);
  assert.is(report.indexed, 0);
  assert.is(report.framesAdded, 0);
  assert.is(report.unchanged, files);
});

test('a search indexes what was added since, and only that', async () => {
  writeFileSync(path.join(root, 'pictures', 'new.jpg'), await drawing(500));
  files++;
  const result = await runCli(['search', 'a star', root, '--json']);
  assert.is(result.code, 0, result.stderr);
  assert.match(result.stderr, /1 file indexed \(1 frame\)/);
  assert.ok(
    documentOf<SearchResponse>(result).results.some((r) => r.media_path === 'pictures/new.jpg'),
  );
});

test('searches that start together on a new folder make one library, and all of them answer', async () => {
  for (let round = 0; round < rounds(1, 3); round++) {
    const fresh = makeTempDir('cli-together');
    await drawPictures(fresh, 3);
    const results = await Promise.all(
      Array.from({ length: 4 }, () => runCli(['a red circle', fresh, '--paths'])),
    );
    for (const { code, stderr } of results) assert.is(code, 0, stderr);
    const answered = results.filter(({ stdout }) => stdout.trimEnd().split('\n').length === 3);
    assert.ok(answered.length >= 1, 'the one that made it has everything');
    const again = await runCli(['a red circle', fresh, '--paths']);
    assert.is(again.stdout.trimEnd().split('\n').length, 3);
  }
});

test('--no-sync does not look for new files', async () => {
  const file = path.join(root, 'pictures', 'unseen.jpg');
  writeFileSync(file, await drawing(501));
  const result = await runCli(['search', 'a star', root, '--json', '--no-sync', '-k', '100']);
  const { results } = documentOf<SearchResponse>(result);
  assert.is(results.length > 0, true);
  assert.not.ok(results.some((r) => r.media_path === 'pictures/unseen.jpg'));
  await runCli(['sync', root, '--quiet']);
  files++;
});

test('--json is the document of GET /search', async () => {
  const result = await runCli(['search', 'a blue square', root, '--json', '-k', '3']);
  const document = documentOf<SearchResponse>(result);
  assert.is(document.query, 'a blue square');
  assert.is(document.results.length, 3);
  for (const hit of document.results) {
    assert.type(hit.frame_id, 'number');
    assert.ok(hit.frame_url.startsWith(`/frame/${hit.frame_id}/`));
    assert.ok(hit.similarity >= 0 && hit.similarity <= 1);
    assert.is(hit.similarity, Math.max(0, hit.cosine));
  }
  const order = document.results.map((hit) => hit.cosine);
  assert.equal(
    order,
    [...order].sort((a, b) => b - a),
  );
});

test('--ndjson is one hit per line', async () => {
  const result = await runCli(['search', 'a ring', root, '--ndjson', '-k', '4']);
  const hits = result.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SearchResult);
  assert.is(hits.length, 4);
  for (const hit of hits) assert.type(hit.media_path, 'string');
});

test('line breaks and escape sequences in file names are printed escaped', async () => {
  const base = ['search', 'a circle', root, '-k', '100'];
  const table = await runCli([...base, '--min-similarity', '0']);
  const paths = await runCli([...base, '--paths'], { cwd: parent });
  for (const { stdout } of [table, paths]) {
    assert.not.match(stdout, /\u001b|\u202e/);
    assert.match(stdout, /two\\nlines\\x1b\[2J\\u202e\.jpg/);
  }
  assert.is(paths.stdout.trimEnd().split('\n').length, files);
  const raw = await runCli([...base, '-0']);
  const names = raw.stdout.split('\0').slice(0, -1);
  assert.is(names.length, files);
  assert.ok(names.includes(path.join(root, EVIL)));
  for (const name of names) assert.ok(readFileSync(name).length > 0);
});

test('filters hold for every hit', async () => {
  const globbed = await runCli(['search', 'x', root, '--json', '--path', '**/picture-00[12].jpg']);
  const found = documentOf<SearchResponse>(globbed).results.map((hit) => hit.media_path);
  assert.equal(found.sort(), ['pictures/picture-001.jpg', 'pictures/picture-002.jpg']);
  const images = await runCli(['search', 'x', root, '--json', '--type', 'image', '-k', '100']);
  assert.is(documentOf<SearchResponse>(images).results.length, files - (hasFilm ? 1 : 0));
});

testUnless(noFfmpeg)('videos can be asked for alone', async () => {
  const videos = await runCli(['search', 'x', root, '--json', '--type', 'video', '-k', '100']);
  const moments = documentOf<SearchResponse>(videos).results;
  assert.equal(moments.map((hit) => hit.timestamp).sort(), [0, 1, 2]);
  assert.ok(moments.every((hit) => hit.media_path === 'film.mp4' && hit.video_id !== null));
});

test('--exact and the graph agree on a small library', async () => {
  const ask = async (...more: string[]): Promise<SearchResponse> =>
    documentOf(await runCli(['search', 'a green heart', root, '--json', '-k', '5', ...more]));
  const [graph, exact] = [await ask(), await ask('--exact')];
  assert.is(exact.exact, true);
  assert.equal(
    graph.results.map((hit) => hit.frame_id),
    exact.results.map((hit) => hit.frame_id),
  );
});

test('a picture finds itself, and a frame finds others', async () => {
  const image = path.join(root, 'pictures', 'picture-003.jpg');
  const byImage = documentOf<SearchResponse>(
    await runCli(['search', root, '--image', image, '--json', '-k', '2']),
  );
  const first = byImage.results[0];
  assert.is(first?.media_path, 'pictures/picture-003.jpg');
  assert.ok((first?.similarity ?? 0) > 0.95);
  const like = documentOf<SearchResponse>(
    await runCli(['search', '--like', String(first?.frame_id), root, '--json', '-k', '100']),
  );
  assert.ok(like.results.length > 0);
  assert.not.ok(like.results.some((hit) => hit.frame_id === first?.frame_id));
});

test('the table leaves out what would be shown as 0.000, unless it is asked for', async () => {
  const words = ['search', 'zxqv blorf', root, '--no-sync'];
  const { results: all } = documentOf<SearchResponse>(await runCli([...words, '--json']));
  const some = all.filter((hit) => hit.similarity >= 0.0005).length;
  const plain = await runCli(words);
  assert.is(plain.stdout.split('\n').filter((line) => /^\d/.test(line.trim())).length, some);
  assert.match(plain.stderr, new RegExp(`${all.length - some} more have nothing in common`));
  const asked = await runCli([...words, '--min-similarity', '0']);
  assert.is(asked.stdout.split('\n').filter((line) => /^\d/.test(line.trim())).length, all.length);
});

test('--min-similarity leaves out weaker hits and --fail-empty says so with 1', async () => {
  const nothing = ['search', 'a circle', root, '--min-similarity', '1', '--json'];
  const quiet = await runCli(nothing);
  assert.is(quiet.code, 0);
  assert.equal(documentOf<SearchResponse>(quiet).results, []);
  assert.is((await runCli([...nothing, '--fail-empty'])).code, 1);
  assert.is((await runCli(['search', 'a circle', root, '--fail-empty'])).code, 0);
});

test('searching works while another process holds the library for writing', async () => {
  await using writer = await openLibrary(root);
  const result = await runCli(['search', 'a star', root, '--json', '-k', '100']);
  assert.is(result.code, 0, result.stderr);
  assert.match(result.stderr, /another process is updating this library/);
  assert.is(documentOf<SearchResponse>(result).results.length, writer.stats().frames);
  const sync = await runCli(['sync', root]);
  assert.is(sync.code, 2);
  assert.match(sync.stderr, /ERR_FILE_LOCKED/);
});

test('a closed output pipe is no error', async () => {
  const { spawnSync } = await import('node:child_process');
  const { CLI, cleanEnv } = await import('../helpers/cli.js');
  const command = `"${process.execPath}" "${CLI}" search "a circle" "${root}" --ndjson --quiet | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const run = spawnSync('bash', ['-c', command], { env: cleanEnv(), encoding: 'utf8' });
  const lines = run.stdout.trimEnd().split('\n');
  assert.is(lines.length, 2);
  assert.is(lines[1], '0');
  assert.is(run.stderr, '');
});

test.run();
