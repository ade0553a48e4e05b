/** The walk: order, odd names, odd files, what is left out, and what is said about it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  walkMedia,
  type MediaFile,
  type WalkEntry,
  type WalkNote,
  type WalkOptions,
  type WalkProblem,
} from '../../lib/media';
import { codeOf } from '../helpers/errors';
import { asNobody, noNobody } from '../helpers/nobody';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

interface Walked {
  files: MediaFile[];
  problems: WalkProblem[];
  notes: WalkNote[];
  paths: string[];
}

async function walk(root: string, options: WalkOptions = {}): Promise<Walked> {
  const files: MediaFile[] = [];
  const problems: WalkProblem[] = [];
  const notes: WalkNote[] = [];
  for await (const entry of walkMedia(root, options)) {
    if ('reason' in entry) problems.push(entry);
    else if ('note' in entry) notes.push(entry);
    else files.push(entry);
  }
  return { files, problems, notes, paths: files.map((file) => file.relPath) };
}

function put(root: string, relPath: string, content: string | Buffer = 'x'): void {
  const file = path.join(root, relPath);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

test('names come in code-unit order, depth first, whatever the order on disk', async () => {
  const root = makeTempDir('walk');
  for (const name of [
    'b.jpg',
    'a/z.png',
    'a.jpg',
    'B.jpg',
    'ä.jpg',
    'a/b/c.gif',
    '10.jpg',
    '9.jpg',
  ])
    put(root, name);
  const { paths, problems } = await walk(root);
  assert.equal(paths, [
    '10.jpg',
    '9.jpg',
    'B.jpg',
    'a/b/c.gif',
    'a/z.png',
    'a.jpg',
    'b.jpg',
    'ä.jpg',
  ]);
  assert.equal(problems, []);
  assert.equal((await walk(root)).paths, paths, 'the same again');
});

test('kind goes by extension in either case, and other files are not listed', async () => {
  const root = makeTempDir('walk');
  for (const name of ['A.JPG', 'b.Mp4', 'c.heic', 'd.txt', 'e', 'f.jpg.part', 'g.svg'])
    put(root, name);
  const { files } = await walk(root);
  assert.equal(
    files.map((file) => [file.relPath, file.kind]),
    [
      ['A.JPG', 'image'],
      ['b.Mp4', 'video'],
      ['c.heic', 'image'],
    ],
  );
  assert.is(files[0]?.sizeBytes, 1);
  assert.ok((files[0]?.mtimeMs ?? 0) > 0);
  assert.is(files[0]?.absPath, path.join(realpathSync(root), 'A.JPG'));
});

test('what a name does not say, the first bytes say', async () => {
  const root = makeTempDir('walk');
  const jpeg = Buffer.from('\xff\xd8\xff\xe0\0\x10JFIF\0', 'latin1');
  const film = Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1');
  const stream = Buffer.alloc(4096, 1);
  for (let at = 0; at < stream.length; at += 188) stream[at] = 0x47;
  put(root, 'noext', jpeg);
  put(root, 'PXL.MP', film);
  put(root, 'photo.jpg_original', jpeg);
  put(root, 'tape.ts', stream);
  put(root, 'camera.mts', stream);
  put(root, 'broken.ts', Buffer.from([0, 1, 2, 3]));
  put(root, 'drawing.bin2', '<svg xmlns="http://www.w3.org/2000/svg"/>');
  // Nobody's media: TypeScript, module files, gene sequences, a song, a text, nothing at all.
  put(root, 'index.ts', 'export const a = 1;\n');
  put(root, 'module.mts', 'GGGGGG '.repeat(700));
  put(root, 'go.mod', 'module example.org/x\n');
  put(root, 'genes.fa', 'ACGT'.repeat(1024));
  put(root, 'song.m4x', Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0M4A ', 'latin1'));
  put(root, 'README', 'Read me.');
  put(root, 'empty.ts', '');
  put(root, 'named.txt', jpeg);
  const { files, problems } = await walk(root);
  assert.equal(
    files.map((file) => [file.relPath, file.kind]),
    [
      ['PXL.MP', 'video'],
      ['broken.ts', 'video'],
      ['camera.mts', 'video'],
      ['drawing.bin2', 'image'],
      ['noext', 'image'],
      ['photo.jpg_original', 'image'],
      ['tape.ts', 'video'],
    ],
  );
  assert.equal(problems, []);
});

test('names that look like options, patterns and protocols are names', async () => {
  const root = makeTempDir('walk');
  const names = [
    '-vf.mp4',
    '%d.mp4',
    'concat:a.mp4',
    'a\nb.jpg',
    ' .jpg',
    '*.jpg',
    '[x].jpg',
    "q'uote.jpg",
    'd\\e.jpg',
    `${'n'.repeat(251)}.jpg`,
    '日本語.jpg',
    '$(id).jpg',
  ];
  for (const name of names) put(root, name);
  assert.equal((await walk(root)).paths, [...names].sort());
});

test('a name that is not UTF-8 is reported and not taken', async () => {
  const root = makeTempDir('walk');
  put(root, 'ok.jpg');
  try {
    writeFileSync(
      Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.jpg')]),
      'x',
    );
  } catch {
    return skip('this file system refuses names that are not UTF-8');
  }
  const { paths, problems } = await walk(root);
  assert.equal(paths, ['ok.jpg']);
  assert.is(problems.length, 1);
  assert.match(problems[0]?.reason ?? '', 'UTF-8');
});

test('links are reported and not followed, to files, to folders, out of the root, in circles', async () => {
  const root = makeTempDir('walk');
  const outside = makeTempDir('walk-outside');
  put(outside, 'secret.jpg');
  put(root, 'real.jpg');
  symlinkSync(path.join(outside, 'secret.jpg'), path.join(root, 'link.jpg'));
  symlinkSync(outside, path.join(root, 'album'));
  symlinkSync(root, path.join(root, 'circle'));
  symlinkSync('nowhere', path.join(root, 'dangling.png'));
  symlinkSync('nowhere', path.join(root, 'notes.txt'));
  const { paths, problems } = await walk(root);
  assert.equal(paths, ['real.jpg']);
  assert.equal(
    problems.map((problem) => problem.relPath),
    ['album', 'circle', 'dangling.png', 'link.jpg'],
  );
  assert.ok(problems.every((problem) => problem.code === 'ERR_MEDIA_UNSUPPORTED'));
});

test('a root that is itself a link is walked', async () => {
  const root = makeTempDir('walk');
  put(root, 'real/a.jpg');
  symlinkSync(path.join(root, 'real'), path.join(root, 'link'));
  assert.equal((await walk(path.join(root, 'link'))).paths, ['a.jpg']);
});

test('a FIFO neither blocks the walk nor comes out as a file', async () => {
  if (process.platform === 'win32') return skip('no FIFOs here');
  const root = makeTempDir('walk');
  execFileSync('mkfifo', [path.join(root, 'pipe.jpg'), path.join(root, '.sightlineignore')]);
  put(root, 'a.jpg');
  const { paths, problems } = await walk(root);
  assert.equal(paths, ['a.jpg']);
  assert.equal(
    problems.map((problem) => problem.relPath),
    ['.sightlineignore', 'pipe.jpg'],
  );
});

test('hidden files wait to be asked for; a library is never looked into', async () => {
  const root = makeTempDir('walk');
  for (const name of [
    'a.jpg',
    '.b.jpg',
    '.c/d.jpg',
    '.sightline/frames/0/0.jpg',
    'lib/0.jpg',
    'lib/catalog.sqlite',
  ])
    put(root, name);
  assert.equal((await walk(root)).paths, ['a.jpg']);
  assert.equal((await walk(root, { hidden: true })).paths, ['.b.jpg', '.c/d.jpg', 'a.jpg']);
});

test('globs and ignore files leave out; the caller has the last word', async () => {
  const root = makeTempDir('walk');
  for (const name of [
    'a.jpg',
    'a.png',
    'raw/b.jpg',
    'x/raw/c.jpg',
    'x/keep.jpg',
    'x/drop.jpg',
    'y/drop.jpg',
    'top.jpg',
    'y/top.jpg',
  ])
    put(root, name);
  put(root, '.sightlineignore', '# comment\r\n\r\nraw/\r\n*.png\r\n/top.jpg\r\n');
  put(root, 'x/.sightlineignore', '*\n!keep.jpg\n');
  assert.equal((await walk(root)).paths, ['a.jpg', 'x/keep.jpg', 'y/drop.jpg', 'y/top.jpg']);
  assert.equal((await walk(root, { ignore: ['y/**', 'keep.jpg'] })).paths, ['a.jpg']);
  assert.equal((await walk(root, { ignore: ['**/drop.jpg'] })).paths, [
    'a.jpg',
    'x/keep.jpg',
    'y/top.jpg',
  ]);
});

test('a folder that may not be read is reported and the rest is walked', async () => {
  const why = await noNobody();
  if (why !== undefined) return skip(why);
  const root = makeTempDir('walk');
  put(root, 'a/x.jpg');
  put(root, 'b.jpg');
  chmodSync(path.join(root, 'a'), 0o000);
  chmodSync(root, 0o755);
  const { paths, problems } = await asNobody(() => walk(root));
  chmodSync(path.join(root, 'a'), 0o700);
  assert.equal(paths, ['b.jpg']);
  assert.is(problems[0]?.code, 'ERR_IO');
});

test('a folder swapped for a link while its parent was listed leads nowhere', async () => {
  const root = makeTempDir('walk');
  const outside = makeTempDir('walk-outside');
  put(outside, 'secret.jpg');
  put(root, 'a.jpg');
  mkdirSync(path.join(root, 'b'));
  const entries = walkMedia(root);
  await entries.next();
  assert.is(((await entries.next()).value as MediaFile).relPath, 'a.jpg');
  execFileSync('rmdir', [path.join(root, 'b')]);
  symlinkSync(outside, path.join(root, 'b'));
  const rest: WalkEntry[] = [];
  for await (const entry of entries) rest.push(entry);
  assert.equal(
    rest.map((entry) => [entry.relPath, 'reason' in entry]),
    [['b', true]],
  );
  unlinkSync(path.join(root, 'b'));
});

test('a missing root and an abort are typed errors', async () => {
  const root = makeTempDir('walk');
  put(root, 'a.jpg');
  assert.is(await codeOf(walk(path.join(root, 'none'))), 'ERR_FILE_MISSING');
  assert.is(await codeOf(walk(path.join(root, 'a.jpg'))), 'ERR_FILE_MISSING');
  assert.is(await codeOf(walk(root, { signal: AbortSignal.abort() })), 'ERR_ABORTED');
});

test.run();
