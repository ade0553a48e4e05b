/* eslint-disable @typescript-eslint/no-require-imports -- plain CommonJS, as a project may be */
// Loads the engine of the package folder that is named, and finds a row by itself. Needs nothing but Node.
const path = require('node:path');

const { VectorIndex } = require(path.join(process.argv[2], 'dist/lib/engine.js'));

async function main() {
  const index = await VectorIndex.create({ dim: 64, path: './use-engine-index' });
  const rows = Float32Array.from({ length: 64 * 500 }, (_, i) => Math.sin(i * i));
  await index.add(rows);
  const hits = index.search(rows.slice(64 * 7, 64 * 8), 3);
  const { kernel } = index.stats();
  await index.close();
  if (hits.keys[0] !== 7) throw new Error(`row 7 does not find itself: ${hits.keys}`);
  console.log(`${process.platform}-${process.arch} ${process.version} kernel ${kernel}: found`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
