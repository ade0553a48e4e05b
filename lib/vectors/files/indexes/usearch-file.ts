/**
 * Files of usearch's dense index, major version 2 from 2.10 on, little-endian:
 *
 *     uint32 or uint64 rows, bytes per vector; then the vectors, one after another
 *     64 bytes:   0  "usearch"            14  uint8  kind of scalars    25  uint64  deleted
 *                 7  uint16 version x 3   15  uint8  kind of keys       33  uint64  dim
 *                13  uint8  metric        16  uint8  kind of slots      41  bool    multi
 *                                         17  uint64 present
 *     40 bytes:  uint64 rows, connectivity, connectivity at level 0, max level, entry slot
 *     rows x int16 level
 *     rows x node: uint64 key, int16 level, then links: uint32 count and slots, for each level
 *
 * A removed row has the largest key there is. Of nodes only keys and lengths are read, never links.
 */
import { makeError } from '../../../base/errors';
import type { Metric } from '../../types';
import { corrupt, unsupported, type ByteFile } from '../byte-file';
import { Cursor } from '../cursor';
import { floatsOf, widthOf, type StoredType } from '../dtypes';
import { pickLive, type ForeignBlock, type ForeignIndex } from './foreign-index';
import { signed } from '../key-file';
import { blockRows, checkFits, readRecords, vectorsOf, type RecordLayout } from '../record-layout';

const MAGIC = Buffer.from('usearch', 'latin1');
const HEAD_BYTES = 64;
const GRAPH_HEAD_BYTES = 40;
const LEVEL_BYTES = 2;
const NODE_HEAD_BYTES = 10;
const FREE_KEY = 2n ** 64n - 1n;
const KEY_KIND_U64 = 14;
const SLOT_KIND_U32 = 15;
const SLOT_BYTES = 4;

const SCALARS: Readonly<Record<number, StoredType>> = {
  4: 'bf16',
  10: 'f8',
  11: 'f4',
  12: 'f2',
  23: 'i1',
};
const METRICS: Readonly<Record<string, Metric>> = { c: 'cosine', e: 'euclidean', i: 'dot' };

interface Matrix {
  readonly rows: number;
  readonly rowBytes: number;
  /** Size of the vectors, and of the head after them. */
  readonly offset: number;
  readonly headAt: number;
}

/** Offset of the vectors: the head with its magic bytes must follow them. */
async function findMatrix(file: ByteFile): Promise<Matrix | undefined> {
  for (const width of [4, 8]) {
    if (!file.holds(0, 2 * width)) return undefined;
    const view = new DataView((await file.read(0, 2 * width)).buffer);
    const size = (at: number): number =>
      width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
    const [rows, rowBytes, offset] = [size(0), size(width), 2 * width];
    const headAt = offset + rows * rowBytes;
    if (!file.holds(headAt, HEAD_BYTES)) continue;
    const magic = await file.read(headAt, MAGIC.length);
    if (MAGIC.equals(magic)) return { rows, rowBytes, offset, headAt };
  }
  return undefined;
}

export const isUsearch = async (file: ByteFile): Promise<boolean> =>
  (await findMatrix(file)) !== undefined;

/** @throws ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_FILE_UNSUPPORTED | ERR_IO */
export async function openUsearch(file: ByteFile): Promise<ForeignIndex> {
  const start = await file.read(0, Math.min(file.size, MAGIC.length));
  if (MAGIC.equals(start)) throw unsupported(file.path, 'holds a graph without its vectors');
  const matrix = await findMatrix(file);
  if (matrix === undefined) throw corrupt(file.path, 'no usearch header follows the vectors');
  const head = await readHead(file, matrix);
  const layout: RecordLayout = {
    type: head.type,
    rows: matrix.rows,
    dim: head.dim,
    offset: matrix.offset,
    stride: matrix.rowBytes,
    vectorAt: 0,
  };
  checkFits(file, layout, HEAD_BYTES + GRAPH_HEAD_BYTES, false);
  const nodes = await readGraphHead(file, matrix);
  return {
    format: 'usearch',
    dim: layout.dim,
    rows: layout.rows,
    M: nodes.connectivity,
    ...(head.metric === undefined
      ? { metricProblem: 'its metric has no counterpart here' }
      : { metric: head.metric }),
    blocks: () => blocks(file, layout, nodes),
  };
}

interface Head {
  readonly type: StoredType;
  readonly dim: number;
  readonly metric: Metric | undefined;
}

async function readHead(file: ByteFile, { headAt, rows, rowBytes }: Matrix): Promise<Head> {
  const view = new DataView((await file.read(headAt, HEAD_BYTES)).buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const [major, minor] = [view.getUint16(7, true), view.getUint16(9, true)];
  // Before 2.10 the kinds below had other numbers.
  if (major !== 2 || minor < 10) {
    throw makeError(
      'ERR_FILE_VERSION',
      `${file.path}: usearch ${major}.${minor}, not 2.10 or later`,
      {
        details: { path: file.path, major, minor },
      },
    );
  }
  const [scalar, key, slot] = [view.getUint8(14), view.getUint8(15), view.getUint8(16)];
  const type = SCALARS[scalar];
  if (type === undefined) {
    throw unsupported(
      file.path,
      `its scalars are of kind ${scalar}; supported are f64 f32 f16 bf16 i8`,
    );
  }
  if (key !== KEY_KIND_U64 || slot !== SLOT_KIND_U32) {
    throw unsupported(
      file.path,
      `its keys and slots are of kinds ${key} and ${slot}, not u64 and u32`,
    );
  }
  const dim = u64(33);
  if (dim < 1 || dim * widthOf(type) !== rowBytes) {
    throw corrupt(file.path, `vectors of ${dim} ${type} are not ${rowBytes} bytes`, { dim });
  }
  if (u64(17) + u64(25) !== rows) {
    throw corrupt(file.path, `${u64(17)} present and ${u64(25)} deleted are not ${rows} rows`);
  }
  return { type, dim, metric: METRICS[String.fromCharCode(view.getUint8(13))] };
}

interface Nodes {
  readonly connectivity: number;
  readonly connectivityBase: number;
  readonly levelsAt: number;
}

async function readGraphHead(file: ByteFile, { headAt, rows }: Matrix): Promise<Nodes> {
  const offset = headAt + HEAD_BYTES;
  const view = new DataView((await file.read(offset, GRAPH_HEAD_BYTES)).buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  if (u64(0) !== rows) {
    throw corrupt(file.path, `its graph has ${u64(0)} nodes for ${rows} vectors`);
  }
  return {
    connectivity: u64(8),
    connectivityBase: u64(16),
    levelsAt: offset + GRAPH_HEAD_BYTES,
  };
}

async function* blocks(
  file: ByteFile,
  layout: RecordLayout,
  graph: Nodes,
): AsyncGenerator<ForeignBlock, void, void> {
  const levels = new Cursor(file, graph.levelsAt);
  const nodes = new Cursor(file, graph.levelsAt + layout.rows * LEVEL_BYTES);
  const size = blockRows(layout);
  for (let first = 0; first < layout.rows; first += size) {
    const count = Math.min(size, layout.rows - first);
    const raw = await readKeys(file, levels, nodes, graph, first, count);
    const isLive = (i: number): boolean => raw[i] !== FREE_KEY;
    // A removed row's key is not a valid key of ours; it is dropped with its row.
    const keys = signed(
      file.path,
      raw.map((key) => (key === FREE_KEY ? 0n : key)),
    );
    const records = await readRecords(file, layout, first, count);
    const vectors = floatsOf(layout.type, vectorsOf(layout, records));
    if (layout.type === 'i1') for (let i = 0; i < vectors.length; i++) vectors[i]! /= 127;
    yield { ...pickLive(vectors, keys, isLive), done: first + count };
  }
  if (nodes.offset !== file.size) {
    throw corrupt(file.path, `its nodes end at byte ${nodes.offset} of ${file.size}`);
  }
}

async function readKeys(
  file: ByteFile,
  levels: Cursor,
  nodes: Cursor,
  graph: Nodes,
  first: number,
  count: number,
): Promise<BigUint64Array> {
  const keys = new BigUint64Array(count);
  for (let i = 0; i < count; i++) {
    const level = (await levels.take(LEVEL_BYTES)).getInt16(0, true);
    const head = await nodes.take(NODE_HEAD_BYTES);
    if (level < 0 || head.getInt16(8, true) !== level) {
      throw corrupt(
        file.path,
        `node ${first + i} is on level ${head.getInt16(8, true)} or ${level}`,
      );
    }
    keys[i] = head.getBigUint64(0, true);
    nodes.skip(
      4 + SLOT_BYTES * graph.connectivityBase + level * (4 + SLOT_BYTES * graph.connectivity),
    );
  }
  return keys;
}
