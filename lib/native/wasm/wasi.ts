/** What is left of the C library's own needs: a clock, one environment variable, and where messages go. */
import type { WasmMemory } from './memory';

const BAD_DESCRIPTOR = 8;

/** The imports of the module `wasi_snapshot_preview1`. */
export function wasiImports(memory: WasmMemory): Record<string, (...args: never[]) => number> {
  // The only variable that the core reads.
  const kernel = process.env.SIGHTLINE_KERNEL;
  const variables = kernel === undefined ? [] : [Buffer.from(`SIGHTLINE_KERNEL=${kernel}\0`)];
  return {
    environ_sizes_get(count: number, bytes: number): number {
      const view = memory.view();
      view.setUint32(count >>> 0, variables.length, true);
      view.setUint32(bytes >>> 0, Buffer.concat(variables).length, true);
      return 0;
    },
    environ_get(pointers: number, bytes: number): number {
      let at = bytes >>> 0;
      variables.forEach((text, i) => {
        memory.view().setUint32((pointers >>> 0) + 4 * i, at, true);
        memory.bytes(at, text.length).set(text);
        at += text.length;
      });
      return 0;
    },
    clock_time_get(_clock: number, _precision: bigint, out: number): number {
      memory.view().setBigUint64(out >>> 0, process.hrtime.bigint(), true);
      return 0;
    },
    fd_write: () => BAD_DESCRIPTOR,
    fd_read: () => BAD_DESCRIPTOR,
    fd_seek: () => BAD_DESCRIPTOR,
    fd_close: () => BAD_DESCRIPTOR,
    fd_fdstat_get: () => BAD_DESCRIPTOR,
    proc_exit(): never {
      throw new Error('the portable engine ended unexpectedly');
    },
  };
}
