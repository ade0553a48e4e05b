/** Every real, odd and damaged media file ends in a recorded state with a reason, and the run survives. */
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const media = sharedData('media');

/** Files that the walk takes for media, by their names. */
const MEDIA_NAME =
  /\.(jpe?g|png|webp|gif|avif|heic|heif|tiff?|bmp|svg|ico|pgm|jp2|mpo|mp4|mov|mkv|webm|avi|m4v)$/i;

function filesBelow(dir: string, under = ''): string[] {
  return readdirSync(path.join(dir, under), { withFileTypes: true }).flatMap((entry) => {
    const rel = path.posix.join(under, entry.name);
    return entry.isDirectory() ? filesBelow(dir, rel) : [rel];
  });
}

test('all shared media files are recorded, good ones are searchable', async () => {
  if (media === undefined) return skip('no shared media');
  const root = media;
  const dir = path.join(makeTempDir('real'), 'library');
  await using library = await openLibrary(root, { dir });
  const report = await library.sync();
  const stats = library.stats();
  const named = filesBelow(root).filter((file) => MEDIA_NAME.test(file));
  const recorded = stats.media.indexed + stats.media.skipped + stats.media.failed;
  assert.is(stats.media.pending, 0, 'nothing is left undecided');
  assert.is(recorded, report.scanned);
  assert.ok(recorded >= named.length * 0.9, `${recorded} recorded of ${named.length}`);
  assert.ok(report.failed > 0 && report.skipped > 0);
  for (const problem of report.problems) {
    assert.match(problem.code, /^ERR_(MEDIA|TIMEOUT|ENCODE)/, `${problem.path}: ${problem.code}`);
    assert.ok(problem.reason.length > 0, problem.path);
  }
  const bad = new Set(report.problems.map((problem) => problem.path));
  for (const file of named.filter(
    (name) => name.startsWith('photos/') || name.startsWith('videos/'),
  )) {
    assert.not.ok(bad.has(file), `${file} should be searchable`);
  }
  // The picture itself is the best hit for itself.
  const photo = 'photos/limes.jpg';
  const { results } = await library.search(
    { image: readFileSync(path.join(root, photo)) },
    { k: 1 },
  );
  assert.is(results[0]?.media_path, photo);
  assert.equal((await library.verify()).problems, []);
  console.log(
    `${stats.media.indexed} indexed, ${report.skipped} skipped, ${report.failed} failed, ${stats.frames} frames`,
  );
});

test('a link out of the folder is not followed', async () => {
  if (media === undefined) return skip('no shared media');
  const root = makeTempDir('links');
  symlinkSync(path.join(media, 'photos/limes.jpg'), path.join(root, 'link.jpg'));
  symlinkSync(path.join(media, 'photos'), path.join(root, 'folder'));
  await using library = await openLibrary(root);
  const report = await library.sync();
  assert.is(report.framesTotal, 0);
});

test.run();
