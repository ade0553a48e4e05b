/** Colour spaces by the code points of ITU-T H.273. */

/** Code points of H.273 for `ColourPrimaries` and `TransferCharacteristics`. */
export interface ColorSignal {
  readonly primaries: number;
  readonly transfer: number;
}

export const PRIMARIES = { bt709: 1, bt2020: 9, dciP3: 11, displayP3: 12 } as const;
export const TRANSFER = { bt709: 1, gamma22: 4, linear: 8, srgb: 13, pq: 16, hlg: 18 } as const;

/** True for PQ and HLG. */
export const isHdr = ({ transfer }: ColorSignal): boolean =>
  transfer === TRANSFER.pq || transfer === TRANSFER.hlg;

/** False for sRGB and what is close enough to it. */
export function needsMapping(signal: ColorSignal): boolean {
  const isWide = ([PRIMARIES.bt2020, PRIMARIES.dciP3, PRIMARIES.displayP3] as number[]).includes(
    signal.primaries,
  );
  return isHdr(signal) || isWide || signal.transfer === TRANSFER.linear;
}
