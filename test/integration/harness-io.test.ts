/** Short forms of two harnesses of docs/TESTING.md: failing calls and power cuts. */
import { test } from 'uvu';
import { testWithTool } from '../helpers/harness';

testWithTool(
  'every I/O call that fails is a typed error and loses nothing acknowledged',
  'harness.mjs',
  'faults',
);
testWithTool('a power cut at any moment loses nothing acknowledged', 'harness.mjs', 'power_cut');

test.run();
