/** String keys and metadata of the rows that a search found. */
import type { NativeBatch } from '../../native';
import type { IndexCore } from '../core';
import { keyIn, metadataIn, readPayloads } from '../payloads/payload';
import { NO_ROW } from '../rows';
import type { Metadata } from '../types';

export interface Details {
  /** Only where keys are strings; '' in unused slots. */
  readonly strings?: string[] | undefined;
  /** Only on request. */
  readonly metadata?: (Metadata | undefined)[] | undefined;
}

export type DetailedBatch = NativeBatch & Details;

/**
 * @param nodes  NO_ROW in unused slots
 * @throws ERR_ARG_RANGE for a row that is gone
 */
export function detailsOf(
  core: IndexCore,
  nodes: Uint32Array,
  wantsMetadata: boolean,
  handle = core.handle,
): Details {
  const strings = core.strings && nodes.length > 0 ? textsFor(nodes) : core.strings && [];
  const metadata = wantsMetadata
    ? Array.from(nodes, (): Metadata | undefined => undefined)
    : undefined;
  const isFull = !nodes.includes(NO_ROW);
  const places = isFull ? undefined : [...nodes.keys()].filter((i) => nodes[i] !== NO_ROW);
  const rows = places === undefined ? nodes : Uint32Array.from(places, (i) => nodes[i] as number);
  readPayloads(
    core,
    rows,
    (payload, at) => {
      const place = places === undefined ? at : (places[at] as number);
      if (strings) strings[place] = keyIn(core, payload);
      if (metadata) metadata[place] = metadataIn(core, payload);
    },
    handle,
  );
  return { strings, metadata };
}

const textsFor = (nodes: Uint32Array): string[] => Array.from(nodes, () => '');
