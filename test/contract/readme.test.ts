/**
 * The examples of README.md and docs/ are run, so that they cannot go stale.
 *
 * Convention: a fenced block is an example when its info string is `bash test`, `js test` or
 * `ts test`. Each one runs alone in a fresh folder which holds
 *   - `pictures/`, a small drawn library with `example.jpg` in it, not yet indexed;
 *   - `node_modules/sightline`, this package, for `require` and `import`;
 * with `sightline` and `npx` on the PATH, both meaning this build, and no settings in the environment.
 * A `bash` block must succeed command by command and print something. A `js` block may use `await` at
 * its top beside `require`. A `ts` block must also compile under `strict`. A line that ends in
 * `console.log(...); // text` promises to print exactly `text`; promises are checked in order.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findExamples, makeSandbox, promisedOutput, runExample } from '../helpers/doc-examples';
import { drawing, drawPictures, MEDIA_SEED } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

const root = path.resolve(__dirname, '../../..');
const pictures = makeTempDir('readme-pictures');
console.log(`media seed ${MEDIA_SEED}`);

test.before(async () => {
  await drawPictures(pictures, 12);
  writeFileSync(path.join(pictures, 'example.jpg'), await drawing(77));
});

/** Fails with what is wrong; undefined when the example keeps all its promises. */
async function complaintAbout(markdown: string): Promise<string | undefined> {
  for (const example of findExamples(markdown)) {
    const result = await runExample(example, makeSandbox(pictures));
    const where = `example at line ${example.line}`;
    if (result.code !== 0)
      return `${where} ends with ${result.code ?? result.signal}:\n${result.stdout}\n${result.stderr}`;
    if (example.language === 'bash' && result.stdout === '') return `${where} prints nothing`;
    const printed = result.stdout.split('\n');
    for (const promise of promisedOutput(example)) {
      const at = printed.indexOf(promise);
      if (at < 0) return `${where} does not print "${promise}":\n${result.stdout}`;
      printed.splice(0, at + 1);
    }
  }
  return undefined;
}

const folder = readdirSync(path.join(root, 'docs'), { encoding: 'utf8', recursive: true });
const documents = ['README.md', ...folder.map((file) => `docs/${file}`)]
  .filter((file) => file.endsWith('.md'))
  .filter((file) => findExamples(readFileSync(path.join(root, file), 'utf8')).length > 0);

for (const file of documents) {
  test(`the examples of ${file} do what they say`, async () => {
    const complaint = await complaintAbout(readFileSync(path.join(root, file), 'utf8'));
    assert.is(complaint, undefined, `${file}: ${complaint}`);
  });
}

test('README.md has examples of the command line, the library and the engine', () => {
  const examples = findExamples(readFileSync(path.join(root, 'README.md'), 'utf8'));
  const has = (pattern: RegExp): boolean => examples.some(({ code }) => pattern.test(code));
  assert.ok(has(/sightline search/));
  assert.ok(has(/['"]sightline['"]/));
  assert.ok(has(/['"]sightline\/engine['"]/));
});

const fence = (info: string, code: string): string => `\`\`\`${info}\n${code}\n\`\`\`\n`;

test('the check itself notices failure, silence, wrong output and wrong types', async () => {
  const cases: [string, RegExp | undefined][] = [
    [fence('bash', 'exit 1'), undefined],
    [fence('bash test', 'false\necho unreachable'), /ends with 1/],
    [fence('bash test', 'true'), /prints nothing/],
    [fence('bash test', 'sleep 1000 &\nfalse'), /ends with 1/],
    [fence('js test', "throw new Error('x')"), /ends with 1/],
    [fence('js test', 'console.log(1 + 1); // 3'), /does not print "3"/],
    [fence('js test', 'console.log(await 2); // 2\nconsole.log(3); // 3'), undefined],
    [fence('ts test', "const n: number = 'x';\nconsole.log(n);"), /not assignable/],
    [fence('ts test', 'const n: number = 4;\nconsole.log(n); // 4'), undefined],
    [
      fence(
        'ts test',
        "import { ERROR_CODES } from 'sightline';\nconsole.log(typeof ERROR_CODES); // object",
      ),
      undefined,
    ],
  ];
  for (const [markdown, expected] of cases) {
    const complaint = await complaintAbout(markdown);
    if (expected === undefined) assert.is(complaint, undefined);
    else assert.match(complaint ?? 'no complaint', expected);
  }
});

test.run();
