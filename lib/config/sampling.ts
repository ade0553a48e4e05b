/** The one way of taking frames from videos that the settings ask for. */
import { makeError } from '../base/errors';
import type { Origin, ResolvedConfig } from './resolve';
import type { SettingName } from './settings';

/** How frames are taken from videos: exactly one of the three ways. */
export type Sampling =
  { readonly fps: number } | { readonly everyNFrames: number } | { readonly keyframes: true };

const RANK: Readonly<Record<Origin['from'], number>> = {
  flag: 0,
  environment: 1,
  file: 2,
  default: 3,
};

/**
 * The way that was asked for with the strongest origin; `fps` when nothing was said.
 *
 * @throws ERR_ARG_RANGE when two ways are asked for by the same origin
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
