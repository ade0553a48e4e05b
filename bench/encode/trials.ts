/** Interleaved timing, so that disturbances affect all competitors alike. */

export interface Trial {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** Milliseconds of each round, by name. */
export type Times = ReadonlyMap<string, readonly number[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** A warm-up round, then `rounds`; each begins with another trial. */
export async function inTurns(trials: readonly Trial[], rounds: number): Promise<Times> {
  const times = new Map(trials.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < trials.length; i++) {
      const trial = trials[(i + round + trials.length) % trials.length] as Trial;
      const started = performance.now();
      await trial.run();
      if (round >= 0) times.get(trial.name)?.push(performance.now() - started);
    }
  }
  return times;
}

/** The name with `prefix` that has the smallest median. */
export function fastest(times: Times, prefix: string): string {
  const names = [...times.keys()].filter((name) => name.startsWith(prefix));
  const cost = (name: string): number => median(times.get(name) ?? []);
  return names.reduce((best, name) => (cost(name) < cost(best) ? name : best));
}

/** Speed of `name` divided by that of `other`: median over rounds of the ratio within a round. */
export function speedRatio(times: Times, name: string, other: string): number {
  const mine = times.get(name) ?? [];
  return median((times.get(other) ?? []).map((ms, round) => ms / (mine[round] as number)));
}
