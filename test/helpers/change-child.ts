/**
 * Main file of a child that changes the model of a library: prints what happens, and stops where the test
 * wants it to.
 *
 *     change-child.js ROOT MODEL [run | kill | wait] [N]
 *
 * `kill` ends the process at the N-th event of the embedding, as kill -9 would; `wait` blocks there until
 * the test closes its standard input.
 */
import { readSync } from 'node:fs';
import { openLibrary } from '../../lib/library';

async function main(): Promise<void> {
  const [root = '', model, what = 'run', at = '1'] = process.argv.slice(2);
  const library = await openLibrary(root);
  process.stdout.write('open\n');
  let events = 0;
  const report = await library.sync({
    model,
    onProgress: ({ phase, frames, framesTotal }) => {
      if (phase !== 'reembed') return;
      events++;
      process.stdout.write(`reembed ${frames} of ${framesTotal}\n`);
      if (String(events) !== at) return;
      if (what === 'kill') process.kill(process.pid, 'SIGKILL');
      if (what === 'wait') readSync(0, Buffer.alloc(1));
    },
  });
  // As kill -9 would, before anything is closed.
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  await library.close();
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

void main();
