/** The peers, and which of them can run on this machine. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Debian's packages need the system's interpreter, not another one on PATH. */
export const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
/** From dist/bench/peers to the sources. */
export const PYTHON_PEERS = path.resolve(__dirname, '../../../bench/peers/python_peers.py');

export interface PeerName {
  readonly name: string;
  readonly runtime: 'node' | 'python';
  /** What to install if it is missing. */
  readonly remedy: string;
  readonly module: string;
  /** False: always builds on one thread. */
  readonly hasThreads: boolean;
  readonly note?: string;
}

/** With the fastest storage, 'inline'; the others have a suffix. */
export const OURS = 'sightline';
export const isOurs = (name: string): boolean => name.split('-')[0] === OURS;

const node = (name: string, module: string, hasThreads: boolean, note?: string): PeerName => ({
  name,
  runtime: 'node',
  module,
  hasThreads,
  remedy: `npm install --no-save ${module}`,
  ...(note === undefined ? {} : { note }),
});
const python = (name: string, note: string): PeerName => ({
  name,
  runtime: 'python',
  module: name,
  hasThreads: true,
  remedy: `apt-get install python3-${name}`,
  note,
});

export const PEERS: readonly PeerName[] = [
  node(OURS, '', true, "storage 'inline'"),
  ...['f32', 'f16', 'i8', 'i4'].map((storage) => node(`${OURS}-${storage}`, '', true)),
  python(
    'hnswlib',
    'C++ through Python, queries in one call on one thread; baseline SSE in Debian',
  ),
  node(
    'hnswlib-node',
    'hnswlib-node',
    false,
    'an array of numbers per query; builds on one thread',
  ),
  node('usearch-f32', 'usearch', true),
  node('usearch-f16', 'usearch', true),
  node('usearch-i8', 'usearch', true),
  python('faiss', 'IndexHNSWFlat through Python, queries in one call; baseline SSE in Debian'),
];

function isInstalled(peer: PeerName): boolean {
  if (peer.module === '') return true;
  if (peer.runtime === 'python') {
    return (
      existsSync(PYTHON_PEERS) &&
      spawnSync(PYTHON, ['-c', `import numpy, ${peer.module}`], { timeout: 60_000 }).status === 0
    );
  }
  try {
    createRequire(__filename)(peer.module);
    return true;
  } catch {
    return false;
  }
}

/** @param wanted  names; empty: all */
export function findPeers(wanted: readonly string[]): {
  peers: PeerName[];
  missing: PeerName[];
} {
  const asked = PEERS.filter(
    ({ name }) => wanted.length === 0 || wanted.includes(name) || name === OURS,
  );
  const peers = asked.filter(isInstalled);
  return { peers, missing: asked.filter((peer) => !peers.includes(peer)) };
}
