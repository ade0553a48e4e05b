/**
 * The kind that a file's name suggests. The content decides what the file is (`sniff.ts`, `recognise.ts`);
 * the name only decides whether a walk opens the file.
 */
import type { MediaKind } from '../base/types';

/** Included by name; decoding reports what is wrong with the content. */
const IMAGE_EXTENSIONS =
  'jpg jpeg jpe jfif mpo png apng webp gif avif ' +
  'heic heif hif tif tiff bmp dib ico cur jp2 j2k jpf jxl jxr wdp psd psb tga pcx qoi insp exr ' +
  'dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 rwl raf pef srw iiq 3fr fff erf kdc dcr mef mos mrw x3f gpr';

const VIDEO_EXTENSIONS =
  'mp4 m4v f4v mov qt mkv mk3d webm avi divx m2ts mpg mpeg mpe m1v m2v mp2v vob 3gp 3g2 flv wmv asf ' +
  'ogv ogm mxf dv insv lrv tod rm rmvb wtv ivf';

/** Video extensions with other common uses: TypeScript, translations, module files. */
const SHARED_EXTENSIONS = 'ts mts cts mod';

/** Extensions of other files, which a walk does not open. */
const OTHER_EXTENSIONS =
  'txt md rst tex log csv tsv json jsonl ndjson yaml yml toml ini cfg conf env lock xml html htm xhtml ' +
  'css scss less js mjs cjs jsx tsx vue map wasm py pyc rb go rs c h cc cpp hpp cs java class jar kt ' +
  'swift php pl sh bash zsh bat cmd ps1 sql db sqlite sqlite3 db-wal db-shm pdf doc docx xls xlsx ppt ' +
  'pptx odt ods odp rtf epub zip gz tgz bz2 xz zst 7z rar tar iso dmg exe dll so dylib o a obj lib bin ' +
  'deb rpm apk ttf otf woff woff2 eot mp3 m4a m4b aac flac wav opus ogg oga wma aiff aif mid midi ' +
  'srt vtt ass sub xmp aae npy npz onnx safetensors pt pth parquet torrent part crdownload';

const KINDS: ReadonlyMap<string, MediaKind> = new Map([
  ...IMAGE_EXTENSIONS.split(' ').map((ext) => [ext, 'image'] as const),
  ...VIDEO_EXTENSIONS.split(' ').map((ext) => [ext, 'video'] as const),
]);
const SHARED = new Set(SHARED_EXTENSIONS.split(' '));
const OTHER = new Set(OTHER_EXTENSIONS.split(' '));

const extensionOf = (name: string): string | undefined => {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? undefined : name.slice(dot + 1).toLowerCase();
};

/** Kind by extension, in any case; undefined if the content must decide. */
export function kindOfName(name: string): MediaKind | undefined {
  return KINDS.get(extensionOf(name) ?? '');
}

/** True for video extensions with other uses. */
export const isSharedName = (name: string): boolean => SHARED.has(extensionOf(name) ?? '');

/** True for extensions of neither pictures nor videos. */
export const isOtherName = (name: string): boolean => OTHER.has(extensionOf(name) ?? '');
