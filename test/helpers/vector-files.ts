/** Files for tests of vector files: those other libraries made, and what must be in them. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeTempDir } from './temp';

const golden = path.resolve(__dirname, '../../../test/golden/vector-files');

/** Bytes by name, as tools/make-vector-file-golden.py had them made. */
export function goldenFiles(library: 'numpy' | 'hnswlib' | 'usearch'): Map<string, Buffer> {
  const { files } = JSON.parse(readFileSync(path.join(golden, `${library}.json`), 'utf8')) as {
    files: Record<string, string>;
  };
  return new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text, 'base64')]));
}

/** Value i of every golden file: exact in float16. */
export const goldenValue = (i: number): number => (((37 * i) % 101) - 50) / 8;

export const goldenFloats = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => goldenValue(i));

const folder = makeTempDir('vector-files');
let made = 0;

/** A fresh name. */
export const fileNamed = (ending: string): string => path.join(folder, `${made++}${ending}`);

export function fileOf(bytes: Uint8Array, ending: string): string {
  const file = fileNamed(ending);
  writeFileSync(file, bytes);
  return file;
}
