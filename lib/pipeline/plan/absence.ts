/**
 * Decides about files that are in the catalog but not in the walk. A deleted file looks the same as one on
 * an unplugged disk, an unreachable share or an empty mount point, so the cause comes before the
 * consequence (adr/0018):
 *
 * - a rule excludes the file: it is removed, as the user asked
 * - the system denied the look: nothing is known, it is kept, and no flag changes that
 * - very many are missing at once, or all of a unit that comes and goes as a whole: they are kept until the
 * user confirms that they are gone
 * - otherwise it is gone, and is removed
 *
 * Pure functions over plain records.
 */
import type { KnownFile } from './plan';

/** What a walk saw besides files; paths are relative to the root, which is `.`. */
export interface Sight {
  /** Excluded by a rule, with everything below. */
  readonly ignored: ReadonlySet<string>;
  /** Could not be read, nor could anything below. */
  readonly unseen: ReadonlySet<string>;
  /** Another kind of entry is at the path now, for example a link. */
  readonly replaced: ReadonlySet<string>;
  /** The root and folders on another file system than their parent, with the device number. */
  readonly volumes: Volumes;
}

export type Volumes = Readonly<Record<string, number>>;

export interface AbsenceQuestion {
  /** Files in the catalog that the walk did not list and that did not move. */
  readonly missing: readonly KnownFile[];
  readonly known: readonly KnownFile[];
  readonly sight: Sight;
  /** Volumes of an earlier walk; undefined when there was none. */
  readonly earlier: Volumes | undefined;
  /** The library lies in the root and was found there: so this is the right root. */
  readonly isRootSure: boolean;
  readonly isConfirmed: boolean;
}

export interface Absence {
  readonly ignored: readonly KnownFile[];
  readonly unreachable: readonly KnownFile[];
  readonly heldBack: readonly KnownFile[];
  readonly gone: readonly KnownFile[];
  /** Why files were held back, worded to follow "gone:". */
  readonly reasons: readonly string[];
}

/** More files than this ... */
const MANY_FILES = 20;
/** ... and a larger share than this are held back wherever they were (RELIABILITY C11). */
const MANY_PART = 0.05;

export function explainAbsence(question: AbsenceQuestion): Absence {
  const { sight } = question;
  const ignored: KnownFile[] = [];
  const unreachable: KnownFile[] = [];
  const missing: KnownFile[] = [];
  for (const file of question.missing) {
    if (isWithin(file.path, sight.unseen)) unreachable.push(file);
    else if (isWithin(file.path, sight.ignored)) ignored.push(file);
    else missing.push(file);
  }
  const expected = question.known.length - ignored.length - unreachable.length;
  const doubts = question.isConfirmed
    ? new Map<KnownFile, string>()
    : doubtful(missing, expected, question);
  return {
    ignored,
    unreachable,
    heldBack: missing.filter((file) => doubts.has(file)),
    gone: missing.filter((file) => !doubts.has(file)),
    reasons: [...new Set(doubts.values())],
  };
}

/**
 * Missing files that may come back, each with the reason.
 *
 * @param expected  files that the walk could have listed
 */
function doubtful(
  missing: readonly KnownFile[],
  expected: number,
  { known, sight, earlier, isRootSure }: AbsenceQuestion,
): Map<KnownFile, string> {
  const doubts = new Map<KnownFile, string>();
  const holdAll = (reason: string): Map<KnownFile, string> => {
    for (const file of missing) doubts.set(file, reason);
    return doubts;
  };
  if (missing.length === 0) return doubts;
  if (missing.length === expected) return holdAll('every file of the library');
  if (!isRootSure && earlier?.[ROOT] !== undefined && earlier[ROOT] !== sight.volumes[ROOT])
    return holdAll('the folder is on another disk than before');
  if (missing.length > MANY_FILES && missing.length > expected * MANY_PART)
    return holdAll(`${missing.length} of ${expected} files`);

  const lostVolumes = Object.keys(earlier ?? {}).filter(
    (folder) => folder !== ROOT && sight.volumes[folder] === undefined,
  );
  const emptied = emptiedFolders(missing, known, Object.keys(earlier ?? {}));
  for (const file of missing) {
    const volume = lostVolumes.find((folder) => isWithin(file.path, new Set([folder])));
    const folder = ancestorsOf(file.path).find((one) => emptied.has(one));
    if (volume !== undefined) doubts.set(file, `the disk at ${volume} is not there`);
    else if (folder !== undefined) doubts.set(file, `every file of ${folder}`);
    else if (isWithin(file.path, sight.replaced)) doubts.set(file, 'something else has its name');
  }
  return doubts;
}

/** Top folders and volumes of which every known file is missing. */
function emptiedFolders(
  missing: readonly KnownFile[],
  known: readonly KnownFile[],
  volumes: readonly string[],
): Set<string> {
  const isWhole = new Set(volumes);
  const wholesOf = ({ path }: KnownFile): string[] =>
    // Without the file itself, which is last; the first is the top folder.
    ancestorsOf(path)
      .slice(0, -1)
      .filter((folder, depth) => depth === 0 || isWhole.has(folder));
  const left = new Map<string, number>();
  for (const file of missing)
    for (const folder of wholesOf(file)) left.set(folder, (left.get(folder) ?? 0) - 1);
  for (const file of known)
    for (const folder of wholesOf(file))
      if (left.has(folder)) left.set(folder, (left.get(folder) ?? 0) + 1);
  return new Set([...left].filter(([, files]) => files === 0).map(([folder]) => folder));
}

const ROOT = '.';

/** `a`, `a/b`, `a/b/c.jpg` of `a/b/c.jpg`. */
function ancestorsOf(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function isWithin(path: string, folders: ReadonlySet<string>): boolean {
  if (folders.size === 0) return false;
  return folders.has(ROOT) || ancestorsOf(path).some((one) => folders.has(one));
}
