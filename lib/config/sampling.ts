/** The one method of sampling videos that the settings select. */
import { makeError } from '../base/errors';
import type { Origin, ResolvedConfig } from './resolve';
import type { SettingName } from './settings';

/** How videos are sampled: exactly one of three methods. */
export type Sampling =
  { readonly fps: number } | { readonly everyNFrames: number } | { readonly keyframes: true };

const RANK: Readonly<Record<Origin['from'], number>> = {
  flag: 0,
  environment: 1,
  file: 2,
  default: 3,
};

/**
 * The method set by the strongest origin; default `fps`.
 *
 * @throws ERR_ARG_RANGE when one origin sets two methods
 */
export function samplingOf(config: ResolvedConfig): Sampling {
  const { settings, origins } = config;
  const ways = (
    [
      ['keyframes', settings.keyframes ? { keyframes: true } : undefined],
      [
        'everyNFrames',
        settings.everyNFrames === undefined ? undefined : { everyNFrames: settings.everyNFrames },
      ],
      ['fps', { fps: settings.fps }],
    ] as const
  ).filter(([, way]) => way !== undefined) as [SettingName, Sampling][];
  const best = Math.min(...ways.map(([name]) => RANK[origins[name].from]));
  const chosen = ways.filter(([name]) => RANK[origins[name].from] === best);
  if (chosen.length > 1)
    throw makeError(
      'ERR_ARG_RANGE',
      `${chosen.map(([name]) => origins[name].name).join(' and ')} exclude each other: give one of them`,
    );
  return (chosen[0] as [SettingName, Sampling])[1];
}
