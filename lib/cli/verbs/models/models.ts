/** `models`: dispatches to list, pull and verify, and prints the list. */
import { makeError } from '../../../base/errors';
import { listModels, type Dtype } from '../../../library/models';
import { EXIT, type ExitCode } from '../../exit-codes';
import { formatBytes, printable } from '../../output/format';
import type { Io } from '../../output/io';
import type { Flags } from '../../session';

/** Options of `models`; commander has checked the choices. */
export interface ModelsFlags {
  readonly dtype?: Dtype;
  readonly revision?: string;
  readonly dryRun?: boolean;
  readonly ndjson?: boolean;
  readonly progress?: string;
}

export async function runModelsVerb(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const [action = 'list', name] = words;
  const options = flags as ModelsFlags;
  refuseStrays(action, name, options);
  if (options.ndjson === true && io.isJson)
    throw makeError('ERR_ARG_TYPE', '--json and --ndjson exclude each other: give one of them');
  if (action === 'pull')
    return (await import('./models-pull.js')).runModelsPull(name ?? '', options, io);
  if (action === 'verify')
    return (await import('./models-verify.js')).runModelsVerify(name, options, io);
  return list(options, io);
}

/** Refuses options that the action would ignore. */
function refuseStrays(action: string, name: string | undefined, options: ModelsFlags): void {
  const wrong = (why: string): Error => makeError('ERR_ARG_TYPE', `models ${action}: ${why}`);
  if (action === 'pull' && name === undefined)
    throw wrong('which one? For example: sightline models pull clip-vit-base-patch32');
  if (action === 'list' && name !== undefined) throw wrong('it takes no name');
  if (action !== 'pull') {
    if (options.revision !== undefined) throw wrong('--revision belongs to pull');
    if (options.dryRun === true) throw wrong('--dry-run belongs to pull');
  }
  if (action === 'list' && options.dtype !== undefined)
    throw wrong('--dtype belongs to pull and verify');
}

async function list(options: ModelsFlags, io: Io): Promise<ExitCode> {
  const models = await listModels();
  if (io.isJson) io.json({ models });
  else if (options.ndjson === true) for (const model of models) io.line(JSON.stringify(model));
  else {
    io.table(
      [
        { title: 'model' },
        { title: 'revision' },
        { title: 'weights' },
        { title: 'size', align: 'right' },
        { title: 'state' },
        { title: 'folder' },
      ],
      models.map((m) => [
        printable(m.id),
        m.revision?.slice(0, 12) ?? '-',
        m.dtypes.join(' ') || '-',
        formatBytes(m.sizeBytes),
        m.state === 'complete' && !m.isPinned ? 'complete, not recorded' : m.state,
        printable(m.folder),
      ]),
    );
    for (const { id, note } of models) if (note) io.note(`${printable(id)}: ${printable(note)}`);
  }
  return EXIT.ok;
}
