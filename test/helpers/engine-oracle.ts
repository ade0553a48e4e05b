/** What the row of a key must be, for the crash test: parent and child compute it apart. */
import { noise } from './vectors';

export const CRASH_DIM = 24;

/** Euclidean rows are stored as given, so they can be compared bit for bit. */
export const rowOfKey = (key: number): Float32Array => noise(1, CRASH_DIM, 1_000_003 * (key + 1));
