// Prints the C++ sources, one per line, for binding.gyp: `<!@(node tools/native-sources.mjs)`.
import { readFileSync } from 'node:fs';

const list = new URL('../native/sources.txt', import.meta.url);

/** Paths relative to the package root, in the order of the list. */
export function nativeSources() {
  return readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.endsWith('.cc') && !line.startsWith('#'))
    .map((line) => `native/${line}`);
}

if (process.argv[1]?.endsWith('native-sources.mjs')) console.log(nativeSources().join('\n'));
