/** `stats`: figures about a library; or the files that are not searchable, and why. */
import type { ExitCode } from '../exit-codes';
import { EXIT } from '../exit-codes';
import { formatBytes, formatFacts, printable } from '../output/format';
import type { Io } from '../output/io';
import { openSession, startSession, type Flags } from '../session';

export async function runStatsVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const session = startSession(root, flags, io);
  await using library = await openSession(session, { readOnly: true });
  if (flags.problems === true) {
    const problems = library.problems();
    if (io.isJson) io.json({ problems });
    else if (problems.length === 0) io.note('no problems: every file that was seen is searchable');
    else
      io.table(
        [{ title: 'state' }, { title: 'code' }, { title: 'path' }, { title: 'reason' }],
        problems.map((p) => [p.state, p.code, printable(p.path), printable(p.reason)]),
      );
    return EXIT.ok;
  }
  const stats = library.stats();
  const disk = await library.diskUsage();
  if (io.isJson) {
    io.json({ ...stats, disk });
    return EXIT.ok;
  }
  const rules = session.config.settings.ignore;
  const n = (value: number): string => value.toLocaleString('en-US');
  io.line(
    formatFacts([
      ['root', printable(stats.root)],
      ['library', printable(stats.dir)],
      ...(rules.length > 0 ? [['leaves out', printable(rules.join(', '))] as const] : []),
      ['model', `${printable(stats.model.id)} (${stats.dim} dimensions)`],
      ['pictures', n(stats.images)],
      ['videos', n(stats.videos)],
      ['frames', n(stats.frames)],
      // Rare, so shown only if there are any.
      ...(stats.framesFailed > 0 ? [['not embedded', n(stats.framesFailed)] as const] : []),
      ['pending', n(stats.media.pending)],
      ['skipped', n(stats.media.skipped)],
      ['failed', n(stats.media.failed)],
      ...(stats.notTaken > 0 ? [['not taken', n(stats.notTaken)] as const] : []),
      ...(stats.heldBack > 0 ? [['gone, kept', n(stats.heldBack)] as const] : []),
      ...(stats.unreachable > 0 ? [['not seen, kept', n(stats.unreachable)] as const] : []),
      ['graph', `${n(stats.hnswNodes)} nodes, top level ${stats.maxLevel}`],
      ['kernel', stats.kernel],
      ['vectors', printable(stats.vectorStore)],
      ...(stats.recovered === undefined
        ? []
        : [['recovered', printable(stats.recovered)] as const]),
      [
        'on disk',
        `${formatBytes(disk.total)} (frames ${formatBytes(disk.frames)}, vectors ${formatBytes(disk.vectors)}, other ${formatBytes(disk.other)})`,
      ],
    ]),
  );
  if (stats.recovered !== undefined)
    io.note('this is a copy that lacks its end; "sightline sync" embeds again what it lacks');
  if (stats.heldBack > 0)
    io.note(
      'files gone at once are kept; if they are really gone: sightline sync --confirm-removals',
    );
  if (stats.media.skipped + stats.media.failed + stats.notTaken > 0)
    io.note('"sightline stats --problems" lists what was left out and why');
  return EXIT.ok;
}
