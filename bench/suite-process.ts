/** The process of a suite: `suite-process.js NAME OPTIONS`; sends its parent one message. */
import { isLibraryError } from '../lib/base/errors';
import type { BenchOptions, SuiteName } from './options';
import type { Suite } from './suite';

const LOADERS: Readonly<Record<SuiteName, () => Promise<Suite>>> = {
  kernels: async () => (await import('./suites/kernels.js')).kernelsSuite,
  build: async () => (await import('./suites/build.js')).buildSuite,
  search: async () => (await import('./suites/search.js')).searchSuite,
  peers: async () => (await import('./suites/peers.js')).peersSuite,
  distributions: async () => (await import('./suites/distributions.js')).distributionsSuite,
  filtered: async () => (await import('./suites/filtered.js')).filteredSuite,
  metadata: async () => (await import('./suites/metadata.js')).metadataSuite,
  batch: async () => (await import('./suites/batch.js')).batchSuite,
  open: async () => (await import('./suites/open.js')).openSuite,
  churn: async () => (await import('./suites/churn.js')).churnSuite,
  loop: async () => (await import('./suites/loop.js')).loopSuite,
  overhead: async () => (await import('./suites/overhead.js')).overheadSuite,
  service: async () => (await import('./suites/service.js')).serviceSuite,
  exr: async () => (await import('./suites/exr.js')).exrSuite,
  'exr-search': async () => (await import('./suites/exr-search.js')).exrSearchSuite,
  query: async () => (await import('./suites/query.js')).querySuite,
};

async function run(): Promise<void> {
  const name = process.argv[2] as SuiteName;
  const options = JSON.parse(process.argv[3] ?? '{}') as BenchOptions;
  const suite = await LOADERS[name]();
  process.send?.(await suite(options));
  process.disconnect?.();
}

run().catch((error: unknown) => {
  const trace = error instanceof Error ? (error.stack ?? error.message) : error;
  console.error(isLibraryError(error) ? `${error.message} (${error.code})` : trace);
  process.exit(1);
});
