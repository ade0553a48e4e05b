// Finds near-duplicates in a folder of photos: the same picture saved smaller, recompressed or brightened.
// The library proposes pictures that look alike; a difference hash of their pixels decides.
//
//   node examples/photo-dedupe.mjs [folder]
//
// Without a folder it draws 40 pictures and 12 changed copies, and checks that it finds them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { openLibrary } from 'sightline';
import { drawPictures } from './pictures.mjs';

/** What the library must say before pixels are compared, and how many of 256 bits may differ. */
const ALIKE = 0.9;
const MOST_BITS = 20;

const CHANGES = {
  smaller: (picture) => picture.resize(200).png(),
  recompressed: (picture) => picture.jpeg({ quality: 30 }),
  brighter: (picture) => picture.modulate({ brightness: 1.15 }).png(),
};

async function drawSample(folder) {
  await drawPictures(folder, 40);
  const made = [];
  for (let i = 0; i < 12; i++) {
    const name = `picture-${String(i * 3).padStart(3, '0')}.png`;
    const change = Object.keys(CHANGES)[i % 3];
    const picture = CHANGES[change](sharp(await readFile(path.join(folder, name))));
    const copy = `${change}-${i}.${change === 'recompressed' ? 'jpg' : 'png'}`;
    await writeFile(path.join(folder, copy), await picture.toBuffer());
    made.push([copy, name]);
  }
  return made;
}

/** 16 x 16 bits: whether each place is brighter than the one to its right. */
async function differenceHash(file) {
  const { data } = await sharp(file)
    .greyscale()
    .resize(17, 16, { fit: 'fill' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const bits = [];
  for (let y = 0; y < 16; y++) {
    for (let x = 0; x < 16; x++) bits.push(data[y * 17 + x] > data[y * 17 + x + 1] ? 1 : 0);
  }
  return bits;
}

const differing = (a, b) => a.reduce((sum, bit, i) => sum + (bit === b[i] ? 0 : 1), 0);

/** Groups of two and more paths that show the same picture. */
async function duplicates(library) {
  const { framesTotal } = await library.sync();
  const hashes = new Map();
  const hashOf = async (id) => {
    if (!hashes.has(id)) hashes.set(id, await differenceHash(library.frameFile(id)));
    return hashes.get(id);
  };
  const groupOf = new Map();
  for (let id = 0; id < framesTotal; id++) {
    const alike = await library.search(
      { frame: id },
      { k: 8, minSimilarity: ALIKE, type: 'image' },
    );
    for (const { frame_id: other } of alike.results) {
      if (other < id || differing(await hashOf(id), await hashOf(other)) > MOST_BITS) continue;
      const group = groupOf.get(id) ?? groupOf.get(other) ?? new Set([id]);
      group.add(id).add(other);
      for (const member of group) groupOf.set(member, group);
    }
  }
  return [...new Set(groupOf.values())].map((ids) =>
    [...ids].map((id) => library.frame(id).mediaPath).sort(),
  );
}

const given = process.argv[2];
const folder = given ?? (await mkdtemp(path.join(tmpdir(), 'sightline-photos-')));
try {
  const made = given === undefined ? await drawSample(folder) : [];
  const library = await openLibrary(folder);
  const groups = await duplicates(library).finally(() => library.close());
  for (const group of groups) console.log(group.join('  =  '));
  const found = made.filter((pair) => groups.some((group) => pair.every((p) => group.includes(p))));
  const wrong = groups.filter(
    (group) => !made.some((pair) => pair.every((p) => group.includes(p))),
  );
  console.log(`${groups.length} groups of duplicates`);
  if (given === undefined) {
    console.log(
      `${found.length} of ${made.length} copies found, ${wrong.length} groups are no copies`,
    );
  }
} finally {
  if (given === undefined) await rm(folder, { recursive: true });
}
