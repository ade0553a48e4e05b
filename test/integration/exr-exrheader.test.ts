/** The inspector and `exrheader` of the reference library say the same of real files, and of a file of every kind. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inspectExr, type ExrChannel, type ExrPart, type ExrPayload } from '../../lib/exr';
import { codeOf } from '../helpers/errors';
import { everyKind, exrPicture } from '../helpers/exr-files';
import { sharedData } from '../helpers/shared-data';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const noExrheader = spawnSync('exrheader', ['-h']).error === undefined ? undefined : 'no exrheader';
const real = sharedData('media', 'exr');
const damaged = sharedData('media', 'exr-damaged');
const noMedia = real === undefined ? 'no shared media' : undefined;

/** Six significant digits, as C++ streams print; never with an exponent in these files but for small numbers. */
function g6(decimal: number): string {
  if (decimal === 0) return '0';
  // The payload has the shortest decimal; rounding that again could round twice.
  const value = Math.fround(decimal);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  const digits = value.toPrecision(6);
  if (exponent < -5 || exponent >= 6) {
    const [mantissa = '', power = ''] = value.toExponential(5).split('e');
    const sign = power.startsWith('-') ? '-' : '+';
    return `${String(Number(mantissa))}e${sign}${power.replace(/[+-]/, '').padStart(2, '0')}`;
  }
  return String(Number(digits));
}

const COMPRESSIONS: Readonly<Record<string, string>> = {
  none: 'none',
  rle: 'run-length encoding',
  zips: 'zip, individual scanlines',
  zip: 'zip, multi-scanline blocks',
  piz: 'piz',
  pxr24: 'pxr24',
  b44: 'b44',
  b44a: 'b44a',
  dwaa: 'dwa, small scanline blocks',
  dwab: 'dwa, medium scanline blocks',
};
const TYPES = {
  half: '16-bit floating-point',
  float: '32-bit floating-point',
  uint: '32-bit unsigned integer',
};

function channelLine({ name, type, x_sampling, y_sampling, p_linear }: ExrChannel): string {
  const linear = p_linear ? ', plinear' : '';
  return `    ${name}, ${TYPES[type]}, sampling ${x_sampling} ${y_sampling}${linear}`;
}

const box = (b: ExrPart['data_window']): string =>
  `(${b.x_min} ${b.y_min}) - (${b.x_max} ${b.y_max})`;

/** What exrheader prints of a part, as far as the payload has it: lines by the name of the attribute. */
function expectedLines(payload: ExrPayload, part: ExrPart): Map<string, string> {
  const lines = new Map<string, string>();
  const put = (name: string, type: string, text = ''): void => {
    lines.set(name, `${name} (type ${type})${text}`);
  };
  const channels = payload.channels.filter((one) => one.part_index === part.part_index);
  put('channels', 'chlist', `:\n${channels.map(channelLine).join('\n')}`);
  put('compression', 'compression', `: ${COMPRESSIONS[part.compression]}`);
  put('dataWindow', 'box2i', `: ${box(part.data_window)}`);
  put('displayWindow', 'box2i', `: ${box(part.display_window)}`);
  put('lineOrder', 'lineOrder', `: ${part.line_order.replace('_', ' ')}`);
  put('pixelAspectRatio', 'float', `: ${g6(part.pixel_aspect_ratio)}`);
  const [x, y] = part.screen_window_center.map(Number);
  put('screenWindowCenter', 'v2f', `: (${g6(x ?? NaN)} ${g6(y ?? NaN)})`);
  put('screenWindowWidth', 'float', `: ${g6(part.screen_window_width)}`);
  put('type', 'string', `: "${part.type}"`);
  if (part.name !== null) put('name', 'string', `: "${part.name}"`);
  if (part.view !== null) put('view', 'string', `: "${part.view}"`);
  if (part.chunk_count !== null) put('chunkCount', 'int', `: ${part.chunk_count}`);
  if (part.tiles !== null) {
    const { width, height, level_mode, rounding_mode } = part.tiles;
    const level = { one_level: 'single level', mipmap: 'mip-map', ripmap: 'rip-map' }[level_mode];
    const rounded = level_mode === 'one_level' ? '' : `\n    level sizes rounded ${rounding_mode}`;
    put(
      'tiles',
      'tiledesc',
      `:\n    ${level}\n    tile size ${width} by ${height} pixels${rounded}`,
    );
  }
  for (const [name, { type, value }] of Object.entries(part.attributes))
    put(name, type, valueText(type, value));
  return lines;
}

/** Undefined text: the name and the type are compared, the value is not. */
function valueText(type: string, value: unknown): string | undefined {
  const numbers = value as number[];
  if (type === 'string') return `: "${String(value)}"`;
  if (type === 'int' || type === 'float') return `: ${g6(value as number)}`;
  if (type === 'v2f' || type === 'v3f') return `: (${numbers.map(g6).join(' ')})`;
  if (type === 'stringvector') return `:${numbers.map((one) => `\n    "${one}"`).join('')}`;
  if (type === 'preview') {
    const { width, height } = value as { width: number; height: number };
    return `: ${width} by ${height} pixels`;
  }
  if (type === 'm44f') {
    const row = (i: number): string =>
      numbers
        .slice(4 * i, 4 * i + 4)
        .map(g6)
        .join(' ');
    return `:\n   (${[0, 1, 2, 3].map(row).join('\n    ')})`;
  }
  if (type === 'chromaticities') {
    const at = value as Record<string, number[]>;
    const line = (name: string): string =>
      `\n    ${name.padEnd(5)} (${(at[name] ?? []).map(g6).join(' ')})`;
    return `:${['red', 'green', 'blue', 'white'].map(line).join('')}`;
  }
  return undefined;
}

/** The blocks of each part, by the name of the attribute. */
function printedLines(output: string): Map<string, string>[] {
  const body = output.slice(output.indexOf('file format version'));
  const texts = /\n part 0\b/.test(body)
    ? body.split(/\n part \d+(?: \(incomplete\))?:\n/).slice(1)
    : [body];
  return texts.map((text) => {
    const lines = new Map<string, string>();
    const starts = [...text.matchAll(/^(\S.*?) \(type (\S+)\)/gm)];
    starts.forEach((start, i) => {
      const block = text.slice(start.index, starts[i + 1]?.index ?? text.length);
      lines.set(start[1] ?? '', block.replace(/\n+$/, ''));
    });
    return lines;
  });
}

async function compare(file: string, shown: string): Promise<void> {
  const { stdout, status } = spawnSync('exrheader', [file], { encoding: 'utf8' });
  assert.is(status, 0, shown);
  const payload = await inspectExr(file);
  const printed = printedLines(stdout);
  assert.is(payload.parts.length, printed.length, shown);
  for (const part of payload.parts) {
    const theirs = printed[part.part_index] ?? new Map<string, string>();
    const ours = expectedLines(payload, part);
    // exrheader 3.1 reads four bytes too many after an idManifest: "lineOrder" becomes "Order", and it adds its own lineOrder.
    if (theirs.get('idManifest') !== undefined) theirs.delete('Order');
    assert.equal([...ours.keys()].sort(), [...theirs.keys()].sort(), shown);
    for (const [name, text] of ours) {
      const whole = theirs.get(name) ?? '';
      if (text.includes(')\n') || text.includes('): ') || text.includes('):'))
        assert.is(whole, text, `${shown}: ${name}`);
      else assert.ok(whole.startsWith(text), `${shown}: ${name}: ${whole}`);
    }
  }
}

testUnless(noExrheader ?? noMedia)('real files give the facts that exrheader prints', async () => {
  const files = readdirSync(real ?? '', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.exr'),
  );
  assert.ok(files.length >= 30);
  for (const file of files) await compare(path.join(real ?? '', file), file);
});

testUnless(noExrheader)('files of every kind give the facts that exrheader prints', async () => {
  const dir = makeTempDir('exr');
  const files: Record<string, Buffer> = {
    ...everyKind(),
    picture: exrPicture(4, 4, ['B', 'G', 'R']),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const file = path.join(dir, `${name}.exr`);
    // Room for the table of offsets, which exrheader reads.
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(4096)]));
    // exrheader prints what it makes of these, not what is in the file.
    if (name !== 'attributes') await compare(file, name);
  }
});

/** Headers that are whole, though the pixels behind them are not. */
const READABLE = ['incomplete.exr', 'memory_DOS_1.exr', 'unfinished_multipart.exr'];

testUnless(damaged === undefined ? 'no shared media' : undefined)(
  'damaged files give a typed error, or the facts of a header that is whole',
  async () => {
    const outcomes: Record<string, string> = {};
    for (const file of readdirSync(damaged ?? '').filter((one) => one.endsWith('.exr')))
      outcomes[file] = await codeOf(() => inspectExr(path.join(damaged ?? '', file)));
    const decode = 'ERR_MEDIA_DECODE';
    assert.equal(outcomes, {
      'NULL_pointer.exr': decode,
      'comp_early_eof_piz.exr': decode,
      'comp_invalid_unknown.exr': decode,
      'heap_overflow.exr': 'ERR_MEDIA_LIMIT',
      'invalid.exr': 'ERR_MEDIA_UNSUPPORTED',
      'invalid_shared_attrs_multipart.exr': decode,
      'oom.exr': decode,
      'poc-9651abd6.exr': decode,
      'zero-tilesize.exr': decode,
      ...Object.fromEntries(READABLE.map((file) => [file, 'ok'])),
    });
  },
);

test.run();
