/** The short form of a harness of docs/TESTING.md: races. */
import { test } from 'uvu';
import { testWithTool } from '../helpers/harness';

testWithTool(
  'every kind of call from many threads at once is sound, under the thread sanitizer',
  'harness.mjs',
  'threads',
);

test.run();
