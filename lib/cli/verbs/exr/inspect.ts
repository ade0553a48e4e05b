/** `exr inspect`: the facts of OpenEXR headers, as tables for people or as the payload. */
import type { ExrBox, ExrChannel, ExrPart, ExrPayload, ExrValue } from '../../../exr';
import { EXIT, type ExitCode } from '../../exit-codes';
import { count, formatBytes, printable } from '../../output/format';
import type { Io } from '../../output/io';
import type { Flags } from '../../session';
import { checkForms, inspectFiles } from './files';

/** Longest value of an attribute in a table. */
const MAX_SHOWN = 72;

export async function runExrInspect(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  checkForms(flags, io);
  const all: object[] = [];
  let failures = 0;
  let shown = 0;
  for await (const outcome of inspectFiles(words, io)) {
    const isFailure = 'error' in outcome;
    if (isFailure) failures++;
    if (io.isJson) all.push(isFailure ? outcome : outcome.payload);
    else if (flags.ndjson === true) io.line(JSON.stringify(isFailure ? outcome : outcome.payload));
    else if (!isFailure) {
      if (shown++ > 0) io.line('');
      show(outcome.payload, io);
    }
  }
  // One file is one document, several are a list.
  if (io.isJson)
    io.json(all.length === 1 && words.length === 1 && words[0] !== '-' ? all[0] : { files: all });
  return failures > 0 ? EXIT.partial : EXIT.ok;
}

function show({ file, parts, channels }: ExrPayload, io: Io): void {
  const facts = [
    formatBytes(file.size_bytes),
    count(parts.length, 'part'),
    count(channels.length, 'channel'),
    ...(file.is_tiled ? ['tiled'] : []),
    ...(file.is_deep ? ['deep'] : []),
    ...(file.is_multiview ? [`views ${file.views.map(printable).join(', ')}`] : []),
  ];
  io.line(`${printable(file.path)}: ${facts.join(', ')}`);
  for (const part of parts) showPart(part, channels, io);
}

function showPart(part: ExrPart, all: readonly ExrChannel[], io: Io): void {
  const title = [
    `part ${part.part_index}`,
    part.name,
    part.view === null ? null : `(${part.view})`,
  ];
  io.line(
    `\n${title
      .filter((word) => word !== null)
      .map(printable)
      .join(' ')}`,
  );
  const rows: [string, string][] = [
    ['type', part.type],
    ['compression', part.compression],
    ['data window', boxText(part.data_window)],
    ['display window', boxText(part.display_window)],
    ['line order', part.line_order],
    ['pixel aspect', String(part.pixel_aspect_ratio)],
  ];
  if (part.tiles !== null) {
    const { width, height, level_mode, rounding_mode } = part.tiles;
    rows.push(['tiles', `${width} x ${height}, ${level_mode}, rounded ${rounding_mode}`]);
  }
  const channels = all.filter((one) => one.part_index === part.part_index);
  for (const [layer, members] of layersOf(channels))
    rows.push([
      layer === '' ? 'channels' : `layer ${printable(layer)}`,
      members.map(channelText).join(' '),
    ]);
  for (const [name, { type, size, value }] of Object.entries(part.attributes))
    rows.push([
      printable(name),
      value === undefined ? `${printable(type)}, ${formatBytes(size)}` : shortened(value),
    ]);
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, text] of rows) io.line(`  ${name.padEnd(width)}  ${text}`);
}

function layersOf(channels: readonly ExrChannel[]): Map<string, ExrChannel[]> {
  const layers = new Map<string, ExrChannel[]>();
  for (const channel of channels) {
    const members = layers.get(channel.layer);
    if (members === undefined) layers.set(channel.layer, [channel]);
    else members.push(channel);
  }
  return layers;
}

function channelText({ name, layer, type, x_sampling: x, y_sampling: y }: ExrChannel): string {
  const short = printable(layer === '' ? name : name.slice(layer.length + 1));
  return `${short}:${type}${x === 1 && y === 1 ? '' : `/${x}x${y}`}`;
}

function boxText({ x_min, y_min, x_max, y_max }: ExrBox): string {
  return `(${x_min} ${y_min}) - (${x_max} ${y_max}), ${x_max - x_min + 1} x ${y_max - y_min + 1}`;
}

function shortened(value: ExrValue): string {
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 3)}...`;
}
