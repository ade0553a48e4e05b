/**
 * Files of a sequence whose structure departs from their neighbours: a layer is missing, the window or the compression is another.
 * A sequence is the files of one folder whose names differ in their last number alone. Pure.
 */
import { makeError } from '../../base/errors';
import type { ExrPart, ExrPayload } from '../../exr';

export interface ExrAnomalyFile {
  /** With `/`. */
  readonly path: string;
  readonly payload: ExrPayload;
}

export interface ExrDifference {
  /** For example `parts[0].compression`, `channels`. */
  readonly field: string;
  /** What the neighbours have. */
  readonly expected: string;
  readonly found: string;
}

export interface ExrAnomaly {
  readonly path: string;
  /** The file's sequence: its path, with `#` for the number. */
  readonly sequence: string;
  readonly differences: readonly ExrDifference[];
}

/** Files on each side that are compared with. */
const NEIGHBOURS = 5;
/** Fewer files are no sequence. */
const LEAST_FILES = 3;
/** Share of the neighbours that must agree: at a change within the sequence nobody is odd. */
const LEAST_SHARE = 0.75;

/** @throws ERR_ARG_RANGE for a path without a name */
export function anomaliesOf(files: Iterable<ExrAnomalyFile>): ExrAnomaly[] {
  const found: ExrAnomaly[] = [];
  for (const [sequence, members] of sequencesOf(files)) {
    if (members.length < LEAST_FILES) continue;
    const facts = members.map(({ file }) => factsOf(file.payload));
    members.forEach(({ file }, at) => {
      const others = [
        ...facts.slice(Math.max(0, at - NEIGHBOURS), at),
        ...facts.slice(at + 1, at + 1 + NEIGHBOURS),
      ];
      const differences = differencesOf(facts[at] as Facts, others);
      if (differences.length > 0) found.push({ path: file.path, sequence, differences });
    });
  }
  return found;
}

interface Member {
  readonly file: ExrAnomalyFile;
  readonly number: number;
}

function sequencesOf(files: Iterable<ExrAnomalyFile>): Map<string, Member[]> {
  const sequences = new Map<string, Member[]>();
  for (const file of files) {
    const slash = file.path.lastIndexOf('/') + 1;
    const name = file.path.slice(slash);
    if (name === '') throw makeError('ERR_ARG_RANGE', `"${file.path}" names no file`);
    const parts = /^(.*?)(\d+)(\D*)$/.exec(name);
    if (parts === null) continue;
    const [, before = '', digits = '', after = ''] = parts;
    const sequence = `${file.path.slice(0, slash)}${before}#${after}`;
    const members = sequences.get(sequence) ?? [];
    members.push({ file, number: Number(digits) });
    sequences.set(sequence, members);
  }
  for (const members of sequences.values()) members.sort((a, b) => a.number - b.number);
  return sequences;
}

type Facts = ReadonlyMap<string, string>;

/** Field -> its value as text. What changes from frame to frame by design (time code, statistics) is left out. */
function factsOf({ file, channels, parts }: ExrPayload): Facts {
  const facts = new Map<string, string>([
    ['multipart_count', String(file.multipart_count)],
    ['is_deep', String(file.is_deep)],
    ['views', file.views.join(', ')],
    [
      'channels',
      channels
        .map(({ name, part_index }) => (part_index === 0 ? name : `${part_index}:${name}`))
        .sort()
        .join(', '),
    ],
    [
      'channel types',
      channels
        .map(({ name, type, part_index }) => `${part_index}:${name}=${type}`)
        .sort()
        .join(', '),
    ],
    [
      'channel sampling',
      channels
        .map((c) => `${c.part_index}:${c.name}=${c.x_sampling}x${c.y_sampling}`)
        .sort()
        .join(', '),
    ],
  ]);
  parts.forEach((part, i) => {
    for (const [field, value] of partFacts(part)) facts.set(`parts[${i}].${field}`, value);
  });
  return facts;
}

const partFacts = (part: ExrPart): [string, string][] => [
  ['name', part.name ?? ''],
  ['type', part.type],
  ['compression', part.compression],
  ['data_window', JSON.stringify(part.data_window)],
  ['display_window', JSON.stringify(part.display_window)],
  ['pixel_aspect_ratio', String(part.pixel_aspect_ratio)],
  ['line_order', part.line_order],
  ['tiles', JSON.stringify(part.tiles)],
  ['view', part.view ?? ''],
];

function differencesOf(own: Facts, others: readonly Facts[]): ExrDifference[] {
  const fields = new Set([own, ...others].flatMap((facts) => [...facts.keys()]));
  const found: ExrDifference[] = [];
  for (const field of fields) {
    const usual = usualOf(others.map((facts) => facts.get(field)));
    const value = own.get(field);
    if (usual === undefined || usual.value === value) continue;
    found.push({ field, ...wordsOf(field, usual.value, value) });
  }
  // Other channels have other types and samplings: said once.
  const isOther = found.some(({ field }) => field === 'channels');
  return isOther ? found.filter(({ field }) => !/^channel (types|sampling)$/.test(field)) : found;
}

function usualOf(
  values: readonly (string | undefined)[],
): { value: string | undefined } | undefined {
  const counts = new Map<string | undefined, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const [value, count] of counts)
    if (count >= 2 && count >= values.length * LEAST_SHARE) return { value };
  return undefined;
}

/** Of lists only what one has and the other lacks. */
function wordsOf(
  field: string,
  expected: string | undefined,
  found: string | undefined,
): { expected: string; found: string } {
  if (!field.startsWith('channel') || expected === undefined || found === undefined)
    return { expected: expected ?? 'absent', found: found ?? 'absent' };
  const [a, b] = [expected, found].map((list) => list.split(', ').filter((one) => one !== ''));
  const less = (a ?? []).filter((one) => !b?.includes(one)).join(', ');
  const more = (b ?? []).filter((one) => !a?.includes(one)).join(', ');
  return { expected: less === '' ? 'nothing more' : less, found: more === '' ? 'missing' : more };
}
