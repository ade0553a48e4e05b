/** The module's memory as JavaScript sees it. Growing replaces the buffer, so nothing here is kept. */
export class WasmMemory {
  constructor(private readonly memory: () => WebAssembly.Memory) {}

  bytes(address: number, size: number): Uint8Array {
    return new Uint8Array(this.memory().buffer, address >>> 0, size >>> 0);
  }

  view(): DataView {
    return new DataView(this.memory().buffer);
  }

  /** A C string. */
  text(address: number): string {
    const start = address >>> 0;
    const all = new Uint8Array(this.memory().buffer);
    return Buffer.from(all.subarray(start, all.indexOf(0, start))).toString('utf8');
  }
}
