// A retrieval store: 50,000 texts with metadata, searched by meaning-of-words vectors and filtered by
// metadata. The vectors come from hashed words, so no model is needed; put your encoder in their place.
//
//   node examples/text-retrieval.mjs [folder] [--rows=N]
//
// With a folder the store stays there, and a second run only opens it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { VectorIndex } from 'sightline/engine';
import { randomOf } from './random.mjs';

const { values, positionals } = parseArgs({
  options: { rows: { type: 'string', default: '50000' } },
  allowPositionals: true,
});
const rows = Number(values.rows);
const DIM = 128;

const TOPICS = {
  cooking: 'bread oven flour salt onion soup recipe butter knife pan taste garlic'.split(' '),
  sailing: 'wind sail harbour rope keel anchor wave tide mast storm deck compass'.split(' '),
  astronomy: 'star orbit telescope comet galaxy planet light moon dust eclipse lens sky'.split(' '),
  gardening: 'soil seed rose pruning compost frost bulb rain leaf hedge bee shade'.split(' '),
  music: 'violin chord rhythm choir tempo organ string melody drum score tune rest'.split(' '),
};
const COMMON = 'with before after under small large old new often slowly again first'.split(' ');

/** Document `i`: a key, a text, and what is known about it. */
function documentOf(i) {
  const random = randomOf(i);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const topic = pick(Object.keys(TOPICS));
  const words = Array.from({ length: 24 }, () => pick(random() < 0.7 ? TOPICS[topic] : COMMON));
  return {
    key: `${topic}/${String(i).padStart(6, '0')}`,
    text: words.join(' '),
    metadata: {
      topic,
      year: 1975 + Math.floor(random() * 50),
      lang: pick(['en', 'de', 'fr']),
      tags: [pick(COMMON), pick(COMMON)],
    },
  };
}

/** Each word adds to a few places of the vector, with signs: texts that share words are near. */
function vectorOf(text) {
  const vector = new Float32Array(DIM);
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
    let hash = 2166136261;
    for (const char of word) hash = Math.imul(hash ^ char.codePointAt(0), 16777619) >>> 0;
    const random = randomOf(hash);
    for (let i = 0; i < 8; i++) vector[Math.floor(random() * DIM)] += random() < 0.5 ? -1 : 1;
  }
  return vector;
}

async function fill(index) {
  const started = performance.now();
  for (let first = index.liveCount; first < rows; first += 5000) {
    const documents = Array.from({ length: Math.min(5000, rows - first) }, (_, i) =>
      documentOf(first + i),
    );
    await index.add(
      documents.map(({ text }) => vectorOf(text)),
      {
        keys: documents.map(({ key }) => key),
        metadata: documents.map(({ text, metadata }) => ({ ...metadata, text })),
      },
    );
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(`${index.liveCount} texts in the store, ${seconds.toFixed(1)} s to add them`);
}

function ask(index, question, filter) {
  const query = vectorOf(question);
  const options = { metadata: true, ...(filter === undefined ? {} : { filter }) };
  index.search(query, 3, options); // the first time a filter is compiled
  const started = performance.now();
  const hits = index.search(query, 3, options);
  const took = (performance.now() - started).toFixed(2);
  console.log(`\n"${question}" ${filter ? JSON.stringify(filter) : ''} (${took} ms)`);
  hits.keys.forEach((key, i) => {
    const { year, lang, text } = hits.metadata[i];
    const similarity = hits.similarities[i].toFixed(2);
    console.log(`  ${similarity}  ${key}  ${year} ${lang}  ${text.slice(0, 50)}...`);
  });
}

async function main(folder) {
  const index = await VectorIndex.openOrCreate({
    path: path.join(folder, 'texts'),
    dim: DIM,
    keyType: 'string',
    M: 12,
    efConstruction: 60,
  });
  await fill(index);
  ask(index, 'a telescope for comet and galaxy light');
  ask(index, 'onion soup recipe with butter', { year: { gte: 2015 }, lang: 'de' });
  ask(index, 'storm, wind and tide', { tags: { in: ['old', 'often'] }, not: { topic: 'sailing' } });

  // A text is replaced in one commit: searches see the old one or the new one.
  const [key] = index.keysOf([0]);
  const text = 'an organ and a violin under the stars';
  await index.update([key], [vectorOf(text)], {
    metadata: [{ topic: 'both', text, year: 2026, lang: 'en' }],
  });
  ask(index, 'organ violin stars', { topic: 'both' });
  await index.close();
}

const given = positionals[0];
const folder = given ?? (await mkdtemp(path.join(tmpdir(), 'sightline-texts-')));
try {
  await main(folder);
} finally {
  if (given === undefined) await rm(folder, { recursive: true });
}
