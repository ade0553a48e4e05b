/** Runs a tool of `tools/` that needs what not every machine has, and then ends with 77. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { skip } from './skip';

const root = path.resolve(__dirname, '../../..');

/** A test that fails where the tool finds something; what it prints is in the output of the run. */
export function testWithTool(sentence: string, tool: string, ...args: string[]): void {
  test(sentence, () => {
    const script = path.join(root, 'tools', tool);
    const run = spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: 'utf8' });
    if (run.status === 77)
      return skip(/^skip: (.*)$/m.exec(run.stdout)?.[1] ?? `${tool}: no reason`);
    assert.is(run.status, 0, `${run.stdout}${run.stderr}`);
    console.log(run.stdout.trim());
  });
}
