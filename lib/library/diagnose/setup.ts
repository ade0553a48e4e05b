/** What `sightline setup` does: gets the parts that `npm install` leaves out. */
import { installPart, partLoads } from '../../base/parts/install-part';
import { findPart, lacksSqlite, MODEL_RUNTIME, SQLITE, type Part } from '../../base/parts/parts';
import { messageOf } from '../../base/errors';
import { findFfmpeg } from '../../media';

export interface SetupPart {
  readonly name: string;
  readonly state: 'present' | 'installed' | 'missing';
  /** Where it is, or what to do. */
  readonly detail: string;
}

/**
 * Installs the model runtime, and SQLite where this Node has none. Says whether there is an ffmpeg, and
 * installs none. Uses the network only for parts that are absent or do not load.
 *
 * @param onStart  called before a part is fetched
 * @throws ERR_MODEL_RUNTIME | ERR_CATALOG (SQLite) with npm's words | ERR_IO | ERR_DISK_FULL
 */
export async function setup(onStart: (part: Part) => void): Promise<readonly SetupPart[]> {
  const found: SetupPart[] = [];
  for (const part of lacksSqlite() ? [SQLITE, MODEL_RUNTIME] : [MODEL_RUNTIME]) {
    if (await partLoads(part)) {
      found.push({ name: part.name, state: 'present', detail: findPart(part) ?? '' });
      continue;
    }
    onStart(part);
    found.push({ name: part.name, state: 'installed', detail: await installPart(part) });
  }
  try {
    const { ffmpeg } = await findFfmpeg();
    found.push({ name: 'ffmpeg', state: 'present', detail: ffmpeg });
  } catch (error) {
    found.push({ name: 'ffmpeg', state: 'missing', detail: messageOf(error) });
  }
  return found;
}
