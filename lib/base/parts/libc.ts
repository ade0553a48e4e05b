/** Which C library this Node was built for: decides which binary fits. Layer 0. */
import { closeSync, openSync, readSync } from 'node:fs';

let musl: boolean | undefined;

/** True on Alpine and other systems with musl. Reads the head of Node's own file, once. */
export function isMusl(): boolean {
  musl ??= process.platform === 'linux' && interpreterOf(process.execPath).includes('/ld-musl-');
  return musl;
}

/** An ELF file names its loader near its beginning. */
function interpreterOf(file: string): string {
  try {
    const head = Buffer.alloc(4096);
    const descriptor = openSync(file, 'r');
    try {
      return head.toString('latin1', 0, readSync(descriptor, head, 0, head.length, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return '';
  }
}
