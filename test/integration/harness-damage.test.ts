/** Short forms of harnesses of docs/TESTING.md: damaged and hostile files. */
import { test } from 'uvu';
import { testWithTool } from '../helpers/harness';

testWithTool(
  'flipped bits and cut files give a typed error or the right answers',
  'harness.mjs',
  'damage',
);
testWithTool(
  'files that do not belong together, and things that are not ours',
  'harness.mjs',
  'mixtures',
);
testWithTool(
  'fuzzed files are read without a crash, a leak or a hit out of order',
  'fuzz.mjs',
  '--seconds=6',
  '--seed=1',
);

test.run();
