// Runs clang-format on the C++ sources: `--check` fails on a difference, `--write` rewrites. Without
// clang-format it prints a note and passes.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const find = (dir) =>
  readdirSync(dir).flatMap((name) => {
    const full = path.join(dir, name);
    if (statSync(full).isDirectory()) return find(full);
    return /\.(cc|h)$/.test(name) ? [full] : [];
  });
const files = [
  path.join(root, 'native'),
  path.join(root, 'test/native'),
  path.join(root, 'test/harness'),
  path.join(root, 'test/fuzz'),
  path.join(root, 'bench/native'),
].flatMap((dir) => {
  try {
    return find(dir);
  } catch {
    return [];
  }
});
if (spawnSync('clang-format', ['--version']).status !== 0) {
  console.log('clang-format is not installed: native formatting not checked');
} else if (files.length > 0) {
  const flags = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
  const run = spawnSync('clang-format', [...flags, ...files], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
}
