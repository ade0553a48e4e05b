/** The short form of a harness of docs/TESTING.md: memory that runs out. */
import { test } from 'uvu';
import { testWithTool } from '../helpers/harness';

testWithTool(
  'every allocation that fails is ERR_NO_MEMORY and changes nothing',
  'harness.mjs',
  'memory',
);

test.run();
