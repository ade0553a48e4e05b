// Seed inputs of the fuzz targets, taken from the golden index. Their checksums need not match.
import { readFileSync } from 'node:fs';
import path from 'node:path';

const number = (value, bytes) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

/** One change of the target "folder", see test/fuzz/folder.cc. */
const change = (file, what, offset, bytes = Buffer.alloc(0)) =>
  Buffer.concat([
    Buffer.from([file | (what << 2)]),
    number(offset, 3),
    number(bytes.length, 1),
    bytes,
  ]);

const mask = 2n ** 64n - 1n;

/** One step of splitmix64, which decides the levels of nodes (docs/reference/FORMAT.md). */
function splitmix64(value) {
  let x = (value + 0x9e3779b97f4a7c15n) & mask;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & mask;
  return x ^ (x >> 31n);
}

/** A valid snapshot of 40 nodes, except for its checksums, with the header of the golden one. */
function smallGraph(golden) {
  const nodes = 40;
  const m = golden.readUInt32LE(68);
  const seed = golden.readBigUInt64LE(72);
  const levelOf = (node) => {
    const x = splitmix64(seed ^ splitmix64(BigInt(node)));
    let level = 0;
    for (let limit = mask / BigInt(m); level < 32 && x < limit; limit /= BigInt(m)) level++;
    return level;
  };
  const levels = Array.from({ length: nodes }, (_, node) => levelOf(node));
  const top = Math.max(...levels);
  const block = 16384;
  const file = Buffer.alloc(4 * block);
  golden.copy(file, 0, 0, 120);
  file.writeBigUInt64LE(BigInt(nodes), 80);
  file.writeUInt32LE(levels.indexOf(top), 88);
  file.writeUInt32LE(top, 92);
  file.writeBigUInt64LE(BigInt(levels.reduce((sum, level) => sum + level, 0)), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  for (let i = 0; i < nodes * 2 * m; i++) {
    const node = Math.floor(i / (2 * m));
    file.writeUInt32LE((node + 1 + (i % (2 * m))) % nodes, block + 4 * i);
  }
  let at = 2 * block;
  levels.forEach((level, node) => {
    for (let l = 1; l <= level; l++, at += 4 * m) {
      const others = [...levels.keys()].filter((other) => other !== node && levels[other] >= l);
      for (let i = 0; i < m; i++) file.writeUInt32LE(others[i] ?? 0xffffffff, at + 4 * i);
    }
  });
  return file;
}

export function seeds(target, root) {
  const golden = path.join(root, 'test/golden/engine-1.1');
  const log = readFileSync(path.join(golden, 'embeddings.idx'));
  const graph = readFileSync(path.join(golden, 'hnsw_index.bin'));
  if (target === 'header') return [log.subarray(0, 360), graph.subarray(0, 120)];
  if (target === 'graph') return [smallGraph(graph)];
  if (target === 'log') {
    const pages = Array.from({ length: log.length / 4096 - 1 }, (_, i) => (i + 1) * 4096);
    return [log, ...pages.map((end) => log.subarray(0, end))];
  }
  const wrongLinks = Buffer.alloc(32, 0x7f);
  return [
    Buffer.from([0]),
    Buffer.from([1]),
    // One change of each part: rows, log header, records, graph header, links; and truncations.
    ...[0, 1].flatMap((mode) =>
      [
        change(0, 0, 0, number(0x7fc00000, 4)),
        change(0, 0, 24, number(0x7f7fffff, 4)),
        change(1, 0, 56, number(3, 4)),
        change(1, 0, 72, number(2, 4)),
        change(1, 0, 4096 + 4, number(2, 4)),
        change(1, 0, 4096 + 24, number(7, 4)),
        change(1, 0, 4096 + 32, number(59, 4)),
        change(2, 0, 56, number(2, 4)),
        change(2, 0, 80, number(54, 4)),
        change(2, 0, 88, number(1, 4)),
        change(2, 0, 16384, wrongLinks),
        change(2, 0, 16384 + 55 * 24 - 4, wrongLinks),
        change(2, 0, 32768, wrongLinks),
        change(0, 2, 100),
        change(1, 2, 8192),
        change(2, 2, 20000),
      ].map((bytes) => Buffer.concat([Buffer.from([mode]), bytes])),
    ),
  ];
}
