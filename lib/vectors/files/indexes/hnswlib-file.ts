/**
 * Files of hnswlib's `saveIndex` (`save_index` in Python), as a 64-bit little-endian machine writes
 * them:
 *
 *     0  uint64   offsetLevel0, 0          48  int32   maxlevel       80  float64  mult
 *     8  uint64   max_elements             52  uint32  enterpoint     88  uint64   ef_construction
 *    16  uint64   cur_element_count        56  uint64  maxM           96  records
 *    24  uint64   size_data_per_element    64  uint64  maxM0              link lists of upper levels
 *    32  uint64   label_offset             72  uint64  M
 *    40  uint64   offsetData
 *
 * A record: links of level 0 (uint16 count, a byte whose bit 0 marks the element as deleted, a spare
 * byte, maxM0 uint32), the vector at offsetData, the label (uint64) at label_offset. Neither the space
 * nor its dim is in the file: dim is what lies between vector and label. Links are never read.
 */
import { corrupt, type ByteFile } from '../byte-file';
import { floatsOf } from '../dtypes';
import { pickLive, type ForeignBlock, type ForeignIndex } from './foreign-index';
import { signed } from '../key-file';
import { blockRows, checkFits, readRecords, vectorsOf, type RecordLayout } from '../record-layout';

const HEADER_BYTES = 96;
const LABEL_BYTES = 8;
const FLAGS_AT = 2;
const DELETED = 1;

interface Header {
  readonly maxElements: number;
  readonly rows: number;
  readonly stride: number;
  readonly labelAt: number;
  readonly vectorAt: number;
  readonly maxM0: number;
  readonly M: number;
  readonly efConstruction: number;
}

/** Counts beyond 2^53 are rounded, and too large for any file anyway. */
function parseHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  return {
    maxElements: u64(8),
    rows: u64(16),
    stride: u64(24),
    labelAt: u64(32),
    vectorAt: u64(40),
    maxM0: u64(64),
    M: u64(72),
    efConstruction: u64(88),
  };
}

/** Invariants of the header whatever the file's length; undefined if all hold. */
function brokenRule(bytes: Uint8Array, header: Header): string | undefined {
  const { maxElements, rows, stride, labelAt, vectorAt, maxM0, M } = header;
  if (bytes.subarray(0, 8).some((byte) => byte !== 0)) return 'level 0 does not begin at 0';
  if (M < 1 || maxM0 < 1 || vectorAt !== 4 + 4 * maxM0) {
    return `vectors at ${vectorAt} do not follow ${maxM0} links`;
  }
  if (labelAt <= vectorAt || (labelAt - vectorAt) % 4 !== 0) {
    return `no whole number of floats between vector at ${vectorAt} and label at ${labelAt}`;
  }
  if (stride !== labelAt + LABEL_BYTES)
    return `${stride} bytes a record with its label at ${labelAt}`;
  if (rows > maxElements) return `${rows} elements where at most ${maxElements} fit`;
  return undefined;
}

/** Whether the first bytes may be hnswlib's; the format has no magic number. */
export async function isHnswlib(file: ByteFile): Promise<boolean> {
  if (!file.holds(0, HEADER_BYTES)) return false;
  const bytes = await file.read(0, HEADER_BYTES);
  return brokenRule(bytes, parseHeader(bytes)) === undefined;
}

/** @throws ERR_FILE_CORRUPT | ERR_IO */
export async function openHnswlib(file: ByteFile): Promise<ForeignIndex> {
  const bytes = await file.read(0, HEADER_BYTES);
  const header = parseHeader(bytes);
  const broken = brokenRule(bytes, header);
  if (broken !== undefined) throw corrupt(file.path, `no hnswlib header: ${broken}`);
  const layout: RecordLayout = {
    type: 'f4',
    rows: header.rows,
    dim: (header.labelAt - header.vectorAt) / 4,
    offset: HEADER_BYTES,
    stride: header.stride,
    vectorAt: header.vectorAt,
  };
  // After the records, each element has at least the length field of its upper-level links.
  checkFits(file, layout, 4 * header.rows, false);
  return {
    format: 'hnswlib',
    dim: layout.dim,
    rows: layout.rows,
    M: header.M,
    efConstruction: header.efConstruction,
    metricProblem: 'hnswlib does not keep its space in the file',
    blocks: () => blocks(file, layout, header.labelAt),
  };
}

async function* blocks(
  file: ByteFile,
  layout: RecordLayout,
  labelAt: number,
): AsyncGenerator<ForeignBlock, void, void> {
  const size = blockRows(layout);
  for (let first = 0; first < layout.rows; first += size) {
    const count = Math.min(size, layout.rows - first);
    const records = await readRecords(file, layout, first, count);
    const view = new DataView(records.buffer);
    const labels = new BigUint64Array(count);
    for (let i = 0; i < count; i++)
      labels[i] = view.getBigUint64(i * layout.stride + labelAt, true);
    const isLive = (i: number): boolean =>
      (view.getUint8(i * layout.stride + FLAGS_AT) & DELETED) === 0;
    const vectors = floatsOf(layout.type, vectorsOf(layout, records));
    yield { ...pickLive(vectors, signed(file.path, labels), isLive), done: first + count };
  }
}
