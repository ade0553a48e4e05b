// Builds the published binaries of Linux into prebuilds/, on any Linux machine, one after the other:
//
//   ZIG=path/to/zig node tools/prebuild.mjs [linux-x64-glibc linux-arm64-musl ...]
//
// zig is clang with the headers and C libraries of every target, so that one machine makes all four, glibc
// binaries run on systems older than the machine, and the C++ runtime travels inside. Its official builds are
// on PyPI (`pip install ziglang`); built with 0.16. macOS and Windows are built on their own systems with `npm run prebuild:package`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { directBuild } from './build-direct.mjs';
import { nativeSources } from './native-sources.mjs';

/** glibc 2.28 is that of RHEL 8 and the oldest on which Node 20 runs. */
const TARGETS = {
  'linux-x64-glibc': 'x86_64-linux-gnu.2.28',
  'linux-x64-musl': 'x86_64-linux-musl',
  'linux-arm64-glibc': 'aarch64-linux-gnu.2.28',
  'linux-arm64-musl': 'aarch64-linux-musl',
};
/**
 * zig switches off what it was not asked for, also where a function asks for the instruction set that
 * includes it (sse4.2, avx512f). Both only permit intrinsics: the compiler makes no such instruction itself.
 */
const FLAGS = { x64: ['-mcpu=baseline+evex512+crc32'], arm64: [] };

const root = fileURLToPath(new URL('..', import.meta.url));
// The C++ runtime inside would be found by other addons.
const exported = path.join(root, 'tools/prebuild.map');
const LINK = ['-s', '-Wl,--gc-sections', `-Wl,--version-script=${exported}`];
const zig = process.env.ZIG || 'zig';
const version = spawnSync(zig, ['version'], { encoding: 'utf8' });
if (version.status !== 0) {
  console.error(`prebuild: ${zig} does not run: install zig and set ZIG to its path`);
  process.exit(1);
}

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(TARGETS)) {
  const triple = TARGETS[name];
  if (triple === undefined) {
    console.error(`prebuild: no target ${name}; there are ${Object.keys(TARGETS).join(', ')}`);
    process.exit(1);
  }
  const [platform, arch, libc] = name.split('-');
  const folder = path.join(root, 'prebuilds', `${platform}-${arch}`);
  const output = path.join(folder, `sightline.${libc}.node`);
  const unfinished = path.join(folder, `${libc}.tmp`);
  mkdirSync(folder, { recursive: true });
  const started = Date.now();
  try {
    await directBuild({
      root,
      build: path.join(root, 'build', 'prebuild', name),
      target: 'sightline',
      output: unfinished,
      sources: nativeSources(),
      compiler: [
        ...[zig, 'c++', '-target', triple, ...FLAGS[arch]],
        ...['-ffunction-sections', '-fdata-sections'],
      ],
      link: LINK,
    });
    renameSync(unfinished, output);
  } catch (error) {
    rmSync(unfinished, { force: true });
    console.error(`prebuild: ${name} failed\n${error.message}`);
    process.exit(1);
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(
    `${path.relative(root, output)}  ${statSync(output).size} bytes, zig ${version.stdout.trim()}, ${seconds} s`,
  );
}
