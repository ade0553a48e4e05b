/** docs/reference/CLI.md and the program say the same, both ways. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VERBS } from '../../lib/cli/arguments';
import { EXIT } from '../../lib/cli/exit-codes';
import { buildProgram } from '../../lib/cli/program';
import { DEFAULTS, SETTING_NAMES, sourcesOf } from '../../lib/config';

const text = readFileSync(path.resolve(__dirname, '../../../docs/reference/CLI.md'), 'utf8');
const program = buildProgram('0', { exitCode: EXIT.ok });
const commands = program.commands;
/** With those of groups, such as `exr inspect`. */
const allCommands = commands.flatMap((command) => [command, ...command.commands]);

test('the routed verbs are the verbs of the program, and all are documented', () => {
  const names = commands.map((command) => command.name()).sort();
  assert.equal(names, [...VERBS].sort());
  for (const name of names) assert.match(text, new RegExp(`^\\| \`${name}[ \`]`, 'm'), name);
});

test('every option of every verb is documented, and every documented option exists', () => {
  const options = new Set(
    allCommands.flatMap((command) => command.options.map((option) => option.long ?? '')),
  );
  const documented = new Set(
    [...text.matchAll(/`[^`\n]*?(--[a-z][a-z-]*)/g)].map((match) => match[1]),
  );
  assert.equal(
    [...options].filter((option) => !documented.has(option)),
    [],
  );
  assert.equal(
    [...documented].filter((option) => !options.has(option ?? '')),
    [],
  );
});

test('every setting is documented with its variables and its default, and its flag exists', () => {
  const flags = new Set(allCommands.flatMap((c) => c.options.flatMap((o) => [o.long, o.short])));
  for (const name of SETTING_NAMES) {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
    const { flag, env } = sourcesOf(name);
    for (const variable of env) assert.ok(row.includes(`\`${variable}\``), `${name}: ${variable}`);
    const value = DEFAULTS[name];
    if (value !== undefined && !Array.isArray(value))
      assert.ok(row.includes(`\`${String(value)}\``), `${name}: ${String(value)}`);
    assert.ok(flags.has(flag), flag);
  }
});

test('every exit code is documented', () => {
  for (const code of Object.values(EXIT)) assert.match(text, new RegExp(`^\\| ${code} +\\|`, 'm'));
});

test.run();
