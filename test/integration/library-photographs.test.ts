/** Photographs and drawn pictures are told apart, and a hint says where the built-in model finds little. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import { isPhotograph } from '../../lib/media';
import { writePictures } from '../helpers/media';
import { writeNoisy } from '../helpers/photographs';
import { drawPictures } from '../helpers/media-folder';
import { sharedData } from '../helpers/shared-data';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const hintIn = async (root: string): Promise<string | undefined> => {
  await using library = await openLibrary(root);
  await library.sync();
  return (await library.search({ text: 'a black cat' })).hint;
};

test('drawn pictures get no hint', async () => {
  const root = makeTempDir('drawn');
  await drawPictures(root, 30);
  await writePictures(path.join(root, 'discs'), 10);
  assert.is(await hintIn(root), undefined);
});

test('photographs get a hint with two commands, whatever the folder is called', async () => {
  const root = makeTempDir('drawings');
  for (let i = 0; i < 8; i++) await writeNoisy(path.join(root, `drawing ${i}.jpg`), i);
  const hint = await hintIn(root);
  assert.match(hint ?? '', /sightline models pull \S+, then sightline sync --model/);
  await using reader = await openLibrary(root, { readOnly: true });
  assert.is((await reader.search({ text: 'a black cat' })).hint, hint, 'readers know it too');
});

test('the pictures are looked at again when the library has doubled', async () => {
  const root = makeTempDir('mixed');
  await drawPictures(root, 10);
  assert.is(await hintIn(root), undefined);
  for (let i = 0; i < 12; i++) await writeNoisy(path.join(root, 'new', `${i}.jpg`), i);
  assert.ok((await hintIn(root)) !== undefined);
});

const photos = sharedData('media', 'photos');

testUnless(photos === undefined ? 'no shared media' : undefined)(
  'real photographs are told from drawn ones',
  async () => {
    const folder = photos ?? '';
    let found = 0;
    const files = readdirSync(folder);
    for (const file of files) {
      const whole = await sharp(readFileSync(path.join(folder, file)))
        .resize(512, 512, { fit: 'inside', withoutEnlargement: true })
        .jpeg()
        .toBuffer();
      if (await isPhotograph(whole)) found++;
    }
    assert.ok(found >= 0.8 * files.length, `${found} of ${files.length}`);
  },
);

test.run();
