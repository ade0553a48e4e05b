/** Formats of plain vector files: detection and row layout. */
import path from 'node:path';
import { oneOf } from '../../base/options';
import { corrupt, unsupported, type ByteFile } from './byte-file';
import { widthOf, type Dtype } from './dtypes';
import { isNpy, npyTextSpan, NPY_PREFIX_BYTES, parseNpyText } from './npy-header';
import { checkFits, type RecordLayout } from './record-layout';

/** numpy's array file, and TEXMEX files: each row is its dim as int32, then f4, u1 or i4. */
export type VectorFormat = 'npy' | 'fvecs' | 'bvecs' | 'ivecs';

export interface PlainLayout extends RecordLayout {
  readonly type: Dtype;
  readonly format: VectorFormat;
}

const TEXMEX: Record<Exclude<VectorFormat, 'npy'>, Dtype> = {
  fvecs: 'f4',
  bvecs: 'u1',
  ivecs: 'i4',
};
export const FORMATS: readonly VectorFormat[] = ['npy', 'fvecs', 'bvecs', 'ivecs'];

export const isFormat = (name: string): name is VectorFormat =>
  (FORMATS as readonly string[]).includes(name);

/** The number type of a format; undefined for npy, whose header names it. */
export const typeOfFormat = (format: VectorFormat): Dtype | undefined =>
  format === 'npy' ? undefined : TEXMEX[format];

/**
 * The given format, else by the name's ending.
 *
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export function checkFormat(file: string, format: unknown): VectorFormat | undefined {
  if (format === undefined) {
    const ending = path.extname(file).slice(1).toLowerCase();
    return isFormat(ending) ? ending : undefined;
  }
  return oneOf(FORMATS)('format', format);
}

/**
 * Reads the header and checks that every row lies inside the file.
 *
 * @throws ERR_FILE_CORRUPT | ERR_FILE_VERSION | ERR_FILE_UNSUPPORTED | ERR_IO
 */
export async function layoutOf(
  file: ByteFile,
  format: VectorFormat | undefined,
): Promise<PlainLayout> {
  if (format === undefined) {
    const prefix = await file.read(0, Math.min(file.size, NPY_PREFIX_BYTES));
    if (!isNpy(prefix)) {
      throw unsupported(
        file.path,
        'neither name nor content shows its format: give the option format',
      );
    }
  }
  return format === undefined || format === 'npy' ? npyLayout(file) : texmexLayout(file, format);
}

async function npyLayout(file: ByteFile): Promise<PlainLayout> {
  const prefix = await file.read(0, Math.min(file.size, NPY_PREFIX_BYTES));
  const text = npyTextSpan(file.path, prefix);
  const header = parseNpyText(file.path, await file.read(text.offset, text.length));
  const [rows, dim = 1] = header.shape;
  if (rows === undefined || header.shape.length > 2) {
    throw unsupported(file.path, `its array has ${header.shape.length} axes, not 1 or 2`);
  }
  // Rows of zero bytes would let a short file announce any number of them.
  if (dim === 0) throw unsupported(file.path, 'its vectors have no values');
  const layout: PlainLayout = {
    format: 'npy',
    type: header.dtype,
    rows,
    dim,
    offset: text.offset + text.length,
    stride: dim * widthOf(header.dtype),
    vectorAt: 0,
  };
  checkFits(file, layout, 0, true);
  return layout;
}

async function texmexLayout(
  file: ByteFile,
  format: Exclude<VectorFormat, 'npy'>,
): Promise<PlainLayout> {
  const type = TEXMEX[format];
  // An empty file has no rows and no dim.
  if (file.size === 0) {
    return { format, type, rows: 0, dim: 0, offset: 0, stride: 4, vectorAt: 4 };
  }
  const dim = new DataView((await file.read(0, 4)).buffer).getInt32(0, true);
  if (dim < 1) throw corrupt(file.path, `its first row announces ${dim} values`, { dim });
  const stride = 4 + dim * widthOf(type);
  if (file.size % stride !== 0) {
    throw corrupt(
      file.path,
      `${file.size} bytes are not a whole number of rows of ${dim} values (${stride} bytes each)`,
      { bytes: file.size, dim },
    );
  }
  const check = (record: DataView, row: number): void => {
    const own = record.getInt32(0, true);
    if (own === dim) return;
    throw corrupt(file.path, `row ${row} has ${own} values where row 0 has ${dim}`, { row });
  };
  const rows = file.size / stride;
  return { format, type, rows, dim, offset: 0, stride, vectorAt: 4, check };
}
