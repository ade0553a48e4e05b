/**
 * Measures encoding, as ratios with required bounds:
 *
 *   node dist/bench/encode.js [--images 32] [--rounds 5] [--long] [--only PART] [--output FILE]
 *
 * pool        speed of the pool over the best bare loop around the runtime, interleaved on the same
 *             pictures, for a ViT-B/32-shaped model (encode/vit-model.ts: random weights, 350 MB in a
 *             temporary folder) and the built-in one
 * prepare     time of a 224 x 224 tensor from a decoded picture, over the inference of ViT-B/32
 * text        time of a text in process, computed and cached
 * memory      resident memory over a long run with the built-in model (2,000 pictures; --long: 100,000),
 *             and with and without the large model
 *
 * --only takes vit, builtin, stages or memory. Pictures are generated from a seed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measureLongRun, measureModelMemory } from './encode/memory';
import { HEIGHT, makePictures, SEED, WIDTH } from './encode/pictures';
import { measureStages } from './encode/stages';
import { measureThroughput, type Throughput } from './encode/throughput';
import { writeVitModel } from './encode/vit-model';
import { readEnvironment } from './environment';
import { formatTable, type Cell } from './table';

const PARTS = ['vit', 'builtin', 'stages', 'memory'] as const;

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
    long: { type: 'boolean', default: false },
    only: { type: 'string' },
    output: { type: 'string' },
  },
});

if (values.only !== undefined && !PARTS.some((part) => part === values.only)) {
  throw new Error(`--only takes one of ${PARTS.join(', ')}`);
}
const wants = (part: (typeof PARTS)[number]): boolean =>
  values.only === undefined || values.only === part;

type Row = readonly [what: string, value: Cell, bar: string];

const poolRows = (name: string, result: Throughput): Row[] => [
  [`pool / best loop, ${name}`, result.poolToLoop, '>= 0.95'],
  [`pool / best bare inference, ${name}`, result.poolToRun, ''],
];

async function main(): Promise<void> {
  const images = Number(values.images);
  const rounds = Number(values.rounds);
  const environment = readEnvironment();
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-bench-'));
  const rows: Row[] = [];
  const report: Record<string, unknown> = {
    environment,
    source: `${WIDTH}x${HEIGHT} JPEG, seed ${SEED}`,
    rounds,
  };
  try {
    const pictures = await makePictures(20);
    // First, before the others use memory.
    if (wants('memory')) {
      const longRun = await measureLongRun(pictures, values.long ? 100_000 : 2_000);
      report['longRun'] = longRun;
      rows.push([`memory at the end / at a tenth, ${longRun.images}`, longRun.endToTenth, '~1']);
    }
    const needsVit = wants('vit') || wants('memory') || wants('stages');
    const vit = needsVit ? writeVitModel(path.join(folder, 'vit-b32-shaped')) : '';
    if (wants('memory')) report['modelMemory'] = await measureModelMemory(vit);
    const stages = wants('stages') ? await measureStages(pictures, rounds, 'builtin') : undefined;
    if (stages !== undefined) {
      report['stages'] = stages;
      rows.push(['prepare 224 x 224, ms an image and core', stages.prepareMs, '< 1.5']);
      rows.push(['text in process, ms', stages.textMs, '']);
      rows.push(['text from the cache, ms', stages.cachedTextMs, '< 1']);
    }
    if (wants('vit') || wants('stages')) {
      const result = await measureThroughput(vit, await makePictures(images), rounds);
      report['vit'] = result;
      rows.push(...poolRows('ViT-B/32-shaped', result));
      if (stages !== undefined) {
        const share = stages.prepareMs / result.inferenceMsOneThread;
        rows.push(['prepare / inference of ViT-B/32, one core', share, '< 0.1']);
      }
    }
    if (wants('builtin')) {
      const result = await measureThroughput('builtin', await makePictures(images * 10), rounds);
      report['builtin'] = result;
      rows.push(...poolRows('built-in', result));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report['loadAtEnd'] = loadavg()[0];
  process.stderr.write(formatTable('encode', ['what', 'value', 'bar'], rows));
  const output = `${JSON.stringify(report, null, 2)}\n`;
  if (values.output === undefined) process.stdout.write(output);
  else writeFileSync(values.output, output);
}

void main();
