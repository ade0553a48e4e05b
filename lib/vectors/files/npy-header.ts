/**
 * Headers of numpy's `.npy`, without I/O. Reads versions 1.0, 2.0 and 3.0; writes 1.0. The header is a
 * Python dictionary as text; only the three keys numpy writes are accepted, nothing is evaluated, and
 * pickled objects are refused.
 */
import { makeError } from '../../base/errors';
import { corrupt, unsupported } from './byte-file';
import { isDtype, type Dtype } from './dtypes';

export const NPY_MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** Magic, version, and the longest length field. */
export const NPY_PREFIX_BYTES = 12;
/** numpy itself refuses longer headers by default. */
const MAX_HEADER_BYTES = 65_535;
/** Fixed, so that the header can be rewritten once the number of rows is known. */
export const NPY_HEADER_BYTES = 128;

export interface NpyHeader {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export const isNpy = (bytes: Uint8Array): boolean =>
  bytes.length >= NPY_MAGIC.length && NPY_MAGIC.every((byte, i) => bytes[i] === byte);

/**
 * Locates the header text from the file's first bytes.
 *
 * @throws ERR_FILE_CORRUPT | ERR_FILE_VERSION
 */
export function npyTextSpan(path: string, prefix: Uint8Array): { offset: number; length: number } {
  if (!isNpy(prefix)) throw corrupt(path, 'does not begin with the magic bytes of a .npy file');
  if (prefix.length < 10) throw corrupt(path, 'ends inside its header');
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
  const [major, minor] = [view.getUint8(6), view.getUint8(7)];
  if (major < 1 || major > 3 || minor !== 0) {
    throw makeError('ERR_FILE_VERSION', `${path}: .npy version ${major}.${minor}, not 1.0 to 3.0`, {
      details: { path, major, minor },
    });
  }
  if (major > 1 && prefix.length < NPY_PREFIX_BYTES) throw corrupt(path, 'ends inside its header');
  const offset = major === 1 ? 10 : NPY_PREFIX_BYTES;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw corrupt(path, `announces a header of ${length} bytes, more than ${MAX_HEADER_BYTES}`);
  }
  return { offset, length };
}

/** A key, then the start of a list, or a string, boolean or tuple and the separator after it. */
const ENTRY =
  /\s*(['"])(\w+)\1\s*:\s*(?:(\[)|(?:'([^'\\]*)'|"([^"\\]*)"|(True|False)|\(([\d\s,L]*)\))\s*(?:,|(?=\})))/y;

/** @throws ERR_FILE_CORRUPT | ERR_FILE_UNSUPPORTED */
export function parseNpyText(path: string, bytes: Uint8Array): NpyHeader {
  // Keys and types are ASCII in every version; other text matches no pattern below.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').trim();
  const broken = (): Error => corrupt(path, `its header is not numpy's: ${text.slice(0, 80)}`);
  if (!text.startsWith('{') || !text.endsWith('}')) throw broken();
  const fields: { descr?: string; fortran_order?: string; shape?: string } = {};
  let at = 1;
  while (!/^\s*\}$/.test(text.slice(at))) {
    ENTRY.lastIndex = at;
    const entry = ENTRY.exec(text);
    if (entry === null) throw broken();
    const [, , key, list, single, double, order, shape] = entry;
    const value = { descr: single ?? double, fortran_order: order, shape };
    if (key === 'descr' && list !== undefined) {
      throw unsupported(path, 'holds records of several fields; save one plain array');
    }
    if (key !== 'descr' && key !== 'fortran_order' && key !== 'shape') throw broken();
    if (value[key] === undefined || fields[key] !== undefined) throw broken();
    fields[key] = value[key];
    at = ENTRY.lastIndex;
  }
  const { descr, fortran_order, shape } = fields;
  if (descr === undefined || fortran_order === undefined || shape === undefined) throw broken();
  const dtype = parseDescr(path, descr);
  if (fortran_order === 'True') {
    throw unsupported(path, 'is in Fortran order; save numpy.ascontiguousarray(array)');
  }
  const sizes = parseShape(shape);
  if (sizes === undefined) throw broken();
  return { dtype, shape: sizes };
}

function parseDescr(path: string, descr: string): Dtype {
  if (descr.includes('O')) {
    throw unsupported(path, 'holds pickled Python objects, which are never read');
  }
  const [, order, name] = /^([<>|=]?)(\w+)$/.exec(descr) ?? [];
  const isByte = name?.endsWith('1') === true;
  if (name !== undefined && isDtype(name) && (order === '<' || (isByte && order === '|'))) {
    return name;
  }
  throw unsupported(
    path,
    `its numbers are "${descr.slice(0, 40)}"; supported are little-endian f4 f2 f8 i1 u1 i4 u4 i8 u8`,
  );
}

/** `10, 3` or `10,`; Python 2 ends a whole number in L. */
function parseShape(text: string): number[] | undefined {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  else if (parts.length === 1) return undefined;
  const sizes: number[] = [];
  for (const part of parts) {
    const digits = /^(\d{1,16})L?$/.exec(part)?.[1];
    if (digits === undefined || !Number.isSafeInteger(Number(digits))) return undefined;
    sizes.push(Number(digits));
  }
  return sizes;
}

/** A whole header, NPY_HEADER_BYTES long, for `rows` of `dim` numbers; `dim` undefined: one axis. */
export function npyHeader(dtype: Dtype, rows: number, dim: number | undefined): Uint8Array {
  const descr = (dtype.endsWith('1') ? '|' : '<') + dtype;
  const shape = dim === undefined ? `(${rows},)` : `(${rows}, ${dim})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const bytes = new Uint8Array(NPY_HEADER_BYTES).fill(0x20);
  bytes.set(NPY_MAGIC);
  bytes.set([1, 0, NPY_HEADER_BYTES - 10, 0], NPY_MAGIC.length);
  bytes.set(Buffer.from(text, 'latin1'), 10);
  bytes[NPY_HEADER_BYTES - 1] = 0x0a;
  return bytes;
}
