/** Main file of a child that works on a library and says how far it is; killed by the crash tests. */
import { openLibrary } from '../../lib/library';
import type { ChildWork } from './sync-crash';

async function main(): Promise<void> {
  const root = process.argv[2] ?? '';
  const { open, sync, repair } = JSON.parse(process.argv[3] ?? '{}') as ChildWork;
  process.stdout.write('start\n');
  const library = await openLibrary(root, open ?? {});
  process.stdout.write('open\n');
  if (repair === true) await library.verify({ repair });
  else if (sync !== false) {
    await library.sync({
      ...(sync ?? { fps: 4 }),
      onProgress: (event) => process.stdout.write(`${event.done} ${event.frames}\n`),
    });
  }
  await library.close();
  process.stdout.write('done\n');
}

void main();
