/** What bundlers and file tracers make of the engine: docs/guide/DEPLOY.md promises it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeFileTrace } from '@vercel/nft';
import webpack from 'webpack';
import { makeTempDir } from '../helpers/temp';

const root = path.resolve(__dirname, '../../..');
const libc = process.platform === 'linux' ? '.glibc' : '';
const BINARY = `prebuilds/${process.platform}-${process.arch}/sightline${libc}.node`;

const APP = `const { VectorIndex } = require('sightline/engine');
(async () => {
  const index = await VectorIndex.create({ dim: 2 });
  await index.add(Float32Array.of(1, 2));
  console.log('found', index.search(Float32Array.of(1, 2), 1).keys[0]);
  await index.close();
})().catch((error) => console.log(error.code, error.message));`;

/** A project with the package in it as it is installed: its binary is a prebuilt one. */
function project(): string {
  const folder = makeTempDir('bundlers');
  const installed = path.join(folder, 'node_modules', 'sightline');
  cpSync(path.join(root, 'dist/lib'), path.join(installed, 'dist/lib'), { recursive: true });
  copyFileSync(path.join(root, 'package.json'), path.join(installed, 'package.json'));
  mkdirSync(path.dirname(path.join(installed, BINARY)), { recursive: true });
  copyFileSync(path.join(root, 'build/Release/sightline.node'), path.join(installed, BINARY));
  writeFileSync(path.join(folder, 'app.cjs'), APP);
  return folder;
}

function run(file: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [file], {
    cwd: path.dirname(file),
    encoding: 'utf8',
  });
  return stdout + stderr;
}

function pack(folder: string, more: webpack.Configuration): Promise<string> {
  return new Promise((resolve, reject) => {
    webpack(
      {
        mode: 'production',
        target: 'node',
        context: folder,
        entry: './app.cjs',
        output: { path: path.join(folder, 'out'), filename: 'app.cjs' },
        ...more,
      },
      (error, stats) => {
        if (error !== null) reject(error);
        else if (stats?.hasErrors() === true) reject(new Error(stats.toString('errors-only')));
        else resolve(path.join(folder, 'out', 'app.cjs'));
      },
    );
  });
}

test('webpack leaves the package out as the guide says, and the program runs', async () => {
  const folder = project();
  const file = await pack(folder, { externals: [/^sightline/], externalsType: 'commonjs' });
  assert.match(run(file), /^found 0/);
});

test('webpack that swallows the code finds the binary beside the bundle, and without it says what to do', async () => {
  const folder = project();
  const file = await pack(folder, {});
  renameSync(path.join(folder, 'node_modules'), path.join(folder, 'gone'));
  assert.match(run(file), /^ERR_ADDON_LOAD .*externals.*sightline\.node beside it/s);
  const binary = path.join(folder, 'gone', 'sightline', BINARY);
  copyFileSync(binary, path.join(folder, 'out', 'sightline.node'));
  assert.match(run(file), /^found 0/);
});

test('a tracer of files, as Next.js uses, takes the binary along, and what it took runs elsewhere', async () => {
  const folder = project();
  const { fileList } = await nodeFileTrace([path.join(folder, 'app.cjs')], { base: folder });
  assert.ok(fileList.has(path.join('node_modules/sightline', BINARY)), [...fileList].join('\n'));
  const elsewhere = makeTempDir('traced');
  for (const file of fileList)
    if (existsSync(path.join(folder, file)))
      cpSync(path.join(folder, file), path.join(elsewhere, file), { recursive: true });
  assert.match(run(path.join(elsewhere, 'app.cjs')), /^found 0/);
});

test.run();
