/**
 * The embedding service with the built-in model: time of a cached text in process, and the number of model
 * calls that concurrent requests share.
 */
import { openClip, type ClipModel } from '../../lib/encode';
import { openEmbeddingService, type EmbeddingService } from '../../lib/service';
import type { BenchOptions } from '../options';
import { round, summarize } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const TEXTS = 100;
const PASSES = 100;
const AT_ONCE = 60;

/** Microseconds of each answer from the cache. */
async function cachedTimes(service: EmbeddingService): Promise<number[]> {
  const texts = Array.from({ length: TEXTS }, (_, i) => `a red circle, number ${i}`);
  await service.batchGenerateEmbeddings({ texts });
  const times: number[] = [];
  // The first pass warms up.
  for (let pass = -1; pass < PASSES; pass++) {
    for (const text of texts) {
      const started = performance.now();
      await service.getInstructionEmbedding(text);
      if (pass >= 0) times.push(1000 * (performance.now() - started));
    }
  }
  return times;
}

/** Calls of the model for new texts that are requested in one turn of the event loop. */
async function sharedCalls(
  clip: ClipModel,
  service: EmbeddingService,
  round: number,
): Promise<number> {
  const before = clip.text.stats().batches;
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, i) =>
      service.getInstructionEmbedding(`round ${round}, star ${i}`),
    ),
  );
  return clip.text.stats().batches - before;
}

export async function serviceSuite(options: BenchOptions): Promise<SuiteResult> {
  await using clip = await openClip('builtin');
  await using service = await openEmbeddingService({ clip, cache: 'memory' });
  const cached = summarize(await cachedTimes(service));
  const calls: number[] = [];
  const ms: number[] = [];
  for (let turn = 0; turn < options.repeat; turn++) {
    const started = performance.now();
    calls.push(await sharedCalls(clip, service, turn));
    ms.push(performance.now() - started);
  }
  const most = Math.max(...calls);
  const together = summarize(ms);
  return {
    data: { dim: service.instructionDim, cachedMicroseconds: cached, atOnce: AT_ONCE, calls, ms },
    tables: [
      formatTable(
        `service: built-in model, ${service.instructionDim} dimensions, memory cache, ` +
          `${TEXTS * PASSES} cached answers, ${options.repeat} rounds of ${AT_ONCE} new texts at once`,
        ['what', 'p50', 'p99'],
        [
          ['cached text, microseconds', round(cached.p50, 3), round(cached.p99, 3)],
          [`${AT_ONCE} new texts at once, ms for all`, round(together.p50, 3), '-'],
          [`${AT_ONCE} new texts at once, calls of the model (most)`, most, '-'],
        ],
      ),
    ],
  };
}
