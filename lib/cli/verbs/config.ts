/** `config print`: the settings in force and their origins. */
import { isSecret, SETTING_NAMES, type Origin } from '../../config';
import { EXIT, type ExitCode } from '../exit-codes';
import { printable } from '../output/format';
import type { Io } from '../output/io';
import { startSession, type Flags } from '../session';

export async function runConfigVerb(
  root: string | undefined,
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  const { settings, origins } = startSession(root, flags, io).config;
  const rows = SETTING_NAMES.map((name) => {
    const value = settings[name] ?? null;
    return {
      name,
      value: isSecret(name) && value !== null ? '(set)' : value,
      origin: origins[name],
    };
  });
  const isWithOrigin = flags.showOrigin === true;
  if (io.isJson) {
    io.json(
      Object.fromEntries(
        rows.map(({ name, value, origin }) => [name, isWithOrigin ? { value, origin } : value]),
      ),
    );
    return EXIT.ok;
  }
  const show = (value: unknown): string => printable(value === null ? '-' : JSON.stringify(value));
  io.table(
    [{ title: 'setting' }, { title: 'value' }, ...(isWithOrigin ? [{ title: 'origin' }] : [])],
    rows.map(({ name, value, origin }) => [
      name,
      show(value),
      ...(isWithOrigin ? [describeOrigin(origin)] : []),
    ]),
  );
  return EXIT.ok;
}

const describeOrigin = (origin: Origin): string =>
  origin.from === 'default' ? 'default' : `${origin.from} ${printable(origin.name)}`;
