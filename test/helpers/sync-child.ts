/** Main file of a child that syncs a folder and says how far it is; killed by the crash test. */
import { openLibrary } from '../../lib/library';

async function main(): Promise<void> {
  const root = process.argv[2] ?? '';
  const vectorStore = process.argv[3];
  const library = await openLibrary(root, vectorStore === undefined ? {} : { vectorStore });
  process.stdout.write('open\n');
  await library.sync({
    fps: 4,
    onProgress: (event) => process.stdout.write(`${event.done} ${event.frames}\n`),
  });
  await library.close();
  process.stdout.write('done\n');
}

void main();
