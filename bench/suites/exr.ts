/**
 * OpenEXR: processor time of headers and embeddings, and how well either version of the embeddings finds files of one family
 * (docs/guide/EXR.md explains the table). Headers are read from the page cache, of files that this suite writes.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  computeChannelFingerprint,
  computeMetadataEmbedding,
  EXR_EMBEDDING_VERSIONS,
  inspectExr,
  type ExrPayload,
} from '../../lib/exr';
import { CHANGES, drawnFile, familiesOf, familyRecall } from '../exr-families';
import { median } from '../curves';
import type { BenchOptions } from '../options';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const SEED = 20;
const FILES = 200;
/** So many files are read at once: a call waits for the system four times. */
const AT_ONCE = 8;
const ROUNDS = 10;

/** Milliseconds of processor time, all threads together, a call. */
async function cpuMs(calls: number, work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / calls;
}

export async function exrSuite({ repeat }: BenchOptions): Promise<SuiteResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-bench-exr-'));
  try {
    for (let i = 0; i < FILES; i++)
      writeFileSync(path.join(folder, `beauty.${i}.exr`), drawnFile(SEED + i));
    const files = readdirSync(folder).map((name) => path.join(folder, name));
    const payloads = await inspectAll(files);
    const samples = { inspect: [] as number[], metadata: [] as number[], channels: [] as number[] };
    for (let i = 0; i < repeat; i++) {
      samples.inspect.push(await cpuMs(files.length, () => inspectAll(files)));
      const calls = ROUNDS * payloads.length;
      samples.metadata.push(
        await cpuMs(calls, () => many(payloads, (payload) => computeMetadataEmbedding(payload))),
      );
      samples.channels.push(
        await cpuMs(calls, () =>
          many(payloads, ({ channels }) => computeChannelFingerprint(channels)),
        ),
      );
    }
    const v2 = {
      metadata: await cpuMs(ROUNDS * payloads.length, () =>
        many(payloads, (payload) => computeMetadataEmbedding(payload, 384, { version: 2 })),
      ),
      channels: await cpuMs(ROUNDS * payloads.length, () =>
        many(payloads, ({ channels }) => computeChannelFingerprint(channels, 128, { version: 2 })),
      ),
    };
    const speed = {
      channelsPerFile: payloads.reduce((sum, one) => sum + one.channels.length, 0) / FILES,
      inspectMs: round(median(samples.inspect), 3),
      filesPerSecond: Math.round(1000 / median(samples.inspect)),
      metadataMs: round(median(samples.metadata), 3),
      channelsMs: round(median(samples.channels), 3),
      metadataV2Ms: round(v2.metadata, 3),
      channelsV2Ms: round(v2.channels, 3),
    };
    const recall = recallTable();
    return {
      data: { speed, recall },
      tables: [
        formatTable(
          'exr: processor time',
          ['what', 'ms', 'goal'],
          [
            [`header, one file of ${FILES}`, speed.inspectMs, '< 0.5 (2,000 files/s)'],
            ['metadata embedding, v1', speed.metadataMs, '< 0.1'],
            ['channel fingerprint, v1', speed.channelsMs, '< 0.05'],
            ['metadata embedding, v2', speed.metadataV2Ms, '< 0.1'],
            ['channel fingerprint, v2', speed.channelsV2Ms, '< 0.05'],
          ],
        ),
        formatTable(
          'exr: share of the five nearest that are of the same family',
          ['files differ in', 'metadata v1', 'metadata v2', 'channels v1', 'channels v2'],
          recall.map(({ change, metadata, channels }) => [change, ...metadata, ...channels]),
        ),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inspectAll(files: readonly string[]): Promise<ExrPayload[]> {
  const payloads: ExrPayload[] = [];
  for (let i = 0; i < files.length; i += AT_ONCE)
    payloads.push(
      ...(await Promise.all(files.slice(i, i + AT_ONCE).map((file) => inspectExr(file)))),
    );
  return payloads;
}

function many(payloads: readonly ExrPayload[], work: (payload: ExrPayload) => unknown): void {
  for (let i = 0; i < ROUNDS; i++) for (const payload of payloads) work(payload);
}

function recallTable(): { change: string; metadata: number[]; channels: number[] }[] {
  return CHANGES.map((change) => {
    const members = familiesOf(change, SEED);
    const of = (embed: (payload: ExrPayload, version: 1 | 2) => Float32Array): number[] =>
      EXR_EMBEDDING_VERSIONS.map((version) =>
        round(
          familyRecall(members, (payload) => embed(payload, version)),
          3,
        ),
      );
    return {
      change,
      metadata: of((payload, version) => computeMetadataEmbedding(payload, 384, { version })),
      channels: of(({ channels }, version) =>
        computeChannelFingerprint(channels, 128, { version }),
      ),
    };
  });
}
