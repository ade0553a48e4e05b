/**
 * Hostile OpenEXR headers, in the way of libFuzzer: headers of every kind (and real ones, where they are) are cut, flipped, spliced
 * and given absurd sizes. Each must end in a payload within the limits or in a typed error, in bounded time and memory. 15 seconds; with
 * SIGHTLINE_TEST_LONG=1 ten minutes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../bench/clip-like';
import { isLibraryError } from '../../lib/base/errors';
import {
  computeChannelFingerprint,
  computeMetadataEmbedding,
  parseExrHeader,
  type ExrPayload,
} from '../../lib/exr';
import { rounds } from '../helpers/campaign';
import { attribute, everyKind, exrHeader, i32, writeAttribute } from '../helpers/exr-files';
import { sharedData } from '../helpers/shared-data';

const CODES = new Set(['ERR_MEDIA_DECODE', 'ERR_MEDIA_UNSUPPORTED', 'ERR_MEDIA_LIMIT']);
const LIMITS = { maxAttributes: 500, maxChannels: 500, maxParts: 50, maxValueBytes: 4096 };
/** Of one header, in milliseconds of processor time; most take a tenth of one. */
const SLOWEST_MS = 500;
const SECONDS = rounds(15, 600);
const seed = Number(process.env.SIGHTLINE_TEST_SEED ?? Date.now() % 2 ** 31);

function realHeaders(): Buffer[] {
  return ['exr', 'exr-damaged'].flatMap((folder) => {
    const dir = sharedData('media', folder);
    if (dir === undefined || !existsSync(dir)) return [];
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.exr'))
      .map((name) => readFileSync(path.join(dir, name)).subarray(0, 4096));
  });
}

const corpus = [...Object.values(everyKind()), ...realHeaders()];

function outcome(bytes: Buffer, fileSize: number): string {
  const before = process.cpuUsage();
  let payload: ExrPayload | undefined;
  let code = 'payload';
  try {
    payload = parseExrHeader(bytes, { fileSize, limits: LIMITS });
  } catch (error) {
    if (!isLibraryError(error)) throw error;
    code = error.code;
    assert.ok(CODES.has(code), `${code}: ${error.message}`);
  }
  if (payload !== undefined) checkPayload(payload, bytes);
  const { user, system } = process.cpuUsage(before);
  assert.ok((user + system) / 1000 < SLOWEST_MS, `${(user + system) / 1000} ms`);
  return code;
}

/** Within limits, no larger than its bytes, plain JSON, and something that can be embedded. */
function checkPayload(payload: ExrPayload, bytes: Buffer): void {
  const { channels, parts, file } = payload;
  assert.ok(channels.length >= parts.length && channels.length <= LIMITS.maxChannels);
  assert.ok(parts.length <= LIMITS.maxParts);
  assert.ok(file.header_bytes <= bytes.length);
  const json = JSON.stringify(payload);
  // A byte becomes at most an escape of six, a channel of 18 bytes a record of some 200.
  assert.ok(json.length < 16 * bytes.length + 4096, `${json.length} of ${bytes.length}`);
  for (const version of [1, 2] as const) {
    for (const vector of [
      computeMetadataEmbedding(payload, 384, { version }),
      computeChannelFingerprint(channels, 128, { version }),
    ])
      assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-4, `version ${version}`);
  }
}

/** Numbers that break arithmetic, as 32 bits. */
const EVIL = [0, 1, -1, 0x7fffffff, -0x80000000, 0x7ffffff0, 0x10000, 255, 256, 0xffff];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    for (let i = 0; i <= random.below(4); i++) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  (bytes, random) => {
    bytes.writeInt32LE(EVIL[random.below(EVIL.length)] ?? 0, random.below(bytes.length - 4));
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, 8 + random.below(bytes.length - 8)),
  (bytes, random) => {
    const from = random.below(bytes.length);
    const part = bytes.subarray(from, from + random.below(200));
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.below(40))]);
  },
  (bytes, random) => {
    const other = corpus[random.below(corpus.length)] ?? bytes;
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]);
  },
];

test(`headers cut at each of their first ${rounds(400, 4096)} bytes end in a typed error`, () => {
  const all = rounds(400, 4096);
  for (const bytes of corpus) {
    for (let size = 0; size < Math.min(bytes.length, all); size++) {
      outcome(bytes.subarray(0, size), size);
      outcome(bytes.subarray(0, size), 2 ** 40);
    }
  }
});

test('attributes of 4 GB, endless ones and tall vectors are refused before they are made', () => {
  const start = exrHeader({ parts: [{ channels: [{ name: 'R' }] }] }).subarray(0, -1);
  for (const size of [0x7fffffff, -1, -0x80000000, 2 ** 24 + 1]) {
    const one = writeAttribute(attribute('big', 'string', ''));
    one.writeInt32LE(size, one.length - 4);
    assert.is(outcome(Buffer.concat([start, one]), 2 ** 32) === 'payload', false, `${size}`);
  }
  const endless = writeAttribute(attribute('n', 'int', i32(1)));
  const many = Buffer.concat([start, ...Array.from({ length: 600 }, () => endless)]);
  assert.is(outcome(many, 2 ** 40), 'ERR_MEDIA_LIMIT');
  const vector = attribute('v', 'stringvector', i32(...Array.from({ length: 50_000 }, () => 0)));
  const short = Buffer.concat([start, writeAttribute(vector), Buffer.from([0])]);
  assert.is(outcome(short, short.length), 'payload');
});

test(`headers mutated for ${SECONDS} seconds never do anything else, seed ${seed}`, () => {
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  const until = performance.now() + SECONDS * 1000;
  const memory = process.memoryUsage().rss;
  let runs = 0;
  while (performance.now() < until) {
    let bytes: Buffer = Buffer.from(corpus[random.below(corpus.length)] ?? Buffer.alloc(9));
    for (let i = 0; i <= random.below(3) && bytes.length > 16; i++)
      bytes = MUTATIONS[random.below(MUTATIONS.length)]?.(bytes, random) ?? bytes;
    try {
      const code = outcome(bytes, random.below(2) === 0 ? bytes.length : 2 ** 33);
      counts[code] = (counts[code] ?? 0) + 1;
    } catch (error) {
      const hex = bytes.toString('hex').slice(0, 4000);
      throw new Error(`seed ${seed}, run ${runs}: ${hex}`, { cause: error });
    }
    runs++;
  }
  console.log(`\n${runs} headers: ${JSON.stringify(counts)}`);
  // A campaign that only ever met one outcome would have tested nothing.
  assert.ok(
    (counts.payload ?? 0) > 50 && (counts.ERR_MEDIA_DECODE ?? 0) > 50,
    JSON.stringify(counts),
  );
  assert.ok(process.memoryUsage().rss - memory < 512 * 2 ** 20);
});

test.run();
