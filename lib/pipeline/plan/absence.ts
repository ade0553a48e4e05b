/**
 * What is to be thought of files that the catalog knows and the walk did not list. A file that is
 * gone looks the same as one whose disk is not plugged in, whose share does not answer or whose mount
 * point is empty, so each absence has a cause before it has a consequence (adr/0018):
 *
 * - a rule leaves the file out: it is forgotten, as the person asked for
 * - the system did not let us look: nothing is known, it is kept, and no flag changes that
 * - very much is gone at once, or all of something that comes and goes as a whole: it is kept until
 *   a person says that it is really gone
 * - else it is gone, and is forgotten
 *
 * Pure functions over plain records.
 */
import type { KnownFile } from './plan';

/** What a walk saw beside files; paths are relative to the root, which is `.`. */
export interface Sight {
  /** Left out by a rule, with all that lies below. */
  readonly ignored: ReadonlySet<string>;
  /** Could not be looked at, nor what lies below. */
  readonly unseen: ReadonlySet<string>;
  /** Something else is at the path now, for example a link. */
  readonly replaced: ReadonlySet<string>;
  /** The root and folders on another file system than their parent, with its number. */
  readonly volumes: Volumes;
}

export type Volumes = Readonly<Record<string, number>>;

export interface AbsenceQuestion {
  /** Known files that the walk did not list and that did not move. */
  readonly missing: readonly KnownFile[];
  readonly known: readonly KnownFile[];
  readonly sight: Sight;
  /** Volumes of an earlier walk; undefined when there was none. */
  readonly earlier: Volumes | undefined;
  /** The library lies beneath the root and was found there: then the root is the right one. */
  readonly isRootSure: boolean;
  readonly isConfirmed: boolean;
}

export interface Absence {
  readonly ignored: readonly KnownFile[];
  readonly unreachable: readonly KnownFile[];
  readonly heldBack: readonly KnownFile[];
  readonly gone: readonly KnownFile[];
  /** Why files were held back, in words that continue "gone:". */
  readonly reasons: readonly string[];
}

/** More files than this ... */
const MANY_FILES = 20;
/** ... and a larger part than this are a question wherever they were (RELIABILITY C11). */
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
 * Which of the missing files may be back tomorrow, each with the reason to think so.
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
    else if (isWithin(file.path, sight.replaced))
      doubts.set(file, 'something else is in its place');
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
    // Without the file itself, which is the last; the first is the top folder.
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
