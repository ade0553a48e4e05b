/** Number ranges and the messages about them. */
export type NumberKind = 'integer' | 'number';

export const isWithin = (
  value: unknown,
  low: number,
  high: number,
  kind: NumberKind = 'integer',
): value is number =>
  typeof value === 'number' &&
  value >= low &&
  value <= high &&
  (kind === 'number' || Number.isInteger(value));

export const rangeText = (low: number, high: number, kind: NumberKind = 'integer'): string =>
  `${kind === 'integer' ? 'a whole number' : 'a number'} from ${low} to ${high}`;
