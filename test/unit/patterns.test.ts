/** The grammar of patterns, line by line, and how long a hostile one may take. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { foldPath, parsePattern, splitPatterns } from '../../lib/base/patterns';

const covers = (pattern: string, path: string): boolean =>
  parsePattern(pattern, false).covers(foldPath(path));
const matches = (pattern: string, path: string, isFolder = false): boolean =>
  parsePattern(pattern, false).matches(foldPath(path), isFolder);

/** pattern -> files it covers, files it does not */
const TABLE: [pattern: string, yes: string[], no: string[]][] = [
  ['a.jpg', ['a.jpg', 'x/a.jpg', 'x/y/a.jpg'], ['ba.jpg', 'a.jpg2', 'a_jpg']],
  ['/a.jpg', ['a.jpg'], ['x/a.jpg']],
  ['./a.jpg', ['a.jpg'], ['x/a.jpg']],
  ['x/a.jpg', ['x/a.jpg'], ['y/x/a.jpg', 'x/b/a.jpg']],
  ['raw', ['raw', 'raw/a.jpg', 'x/raw/y/a.jpg'], ['raw2/a.jpg', 'draw/a.jpg']],
  ['raw/', ['raw/a.jpg', 'x/raw/y/a.jpg'], ['raw', 'x/raw']],
  ['/raw/', ['raw/a.jpg'], ['x/raw/a.jpg', 'raw']],
  ['*.jpg', ['a.jpg', '.jpg', 'x/a.jpg', '.a.jpg', 'a\nb.jpg'], ['a.jpeg', 'a.jpg.txt']],
  ['x/*', ['x/a.jpg', 'x/.a.jpg', 'x/y/a.jpg'], ['x', 'y/x/a.jpg']],
  ['x/*.jpg', ['x/a.jpg'], ['x/y/a.jpg']],
  ['x/**', ['x/a.jpg', 'x/y/z/a.jpg'], ['x', 'z/x/a.jpg']],
  ['**/a.jpg', ['a.jpg', 'x/a.jpg', 'x/y/a.jpg'], ['x/ba.jpg']],
  ['x/**/a.jpg', ['x/a.jpg', 'x/y/a.jpg', 'x/y/z/a.jpg'], ['a.jpg', 'x/y/b.jpg']],
  ['**', ['a.jpg', 'x/a.jpg'], []],
  ['**/', ['x/a.jpg'], ['a.jpg']],
  ['x/**/', ['x/y/a.jpg'], ['x/a.jpg']],
  ['**/y/**/a*', ['y/a.jpg', 'x/y/z/abc', 'y/y/a'], ['x/a.jpg', 'a/y']],
  ['a**b.jpg', ['ab.jpg', 'axxb.jpg'], ['a/b.jpg']],
  ['a?.jpg', ['ab.jpg', 'aé.jpg', 'a😀.jpg', 'ae\u0301.jpg'], ['a.jpg', 'abc.jpg', 'a/.jpg']],
  ['IMG_*.jpg', ['IMG_1.JPG', 'img_.jpg'], ['IMG1.jpg']],
  ['ÄRGER/*', ['ärger/a.jpg', 'A\u0308rger/a.jpg'], ['arger/a.jpg']],
  ['Caf\u00e9/', ['Cafe\u0301/a.jpg'], ['Cafe/a.jpg']],
  ['ΟΔΟΣ*', ['Οδος.jpg', 'οδοσα.jpg'], ['οδο.jpg']],
  ['[a-c]?.jpg', ['a1.jpg', 'Bx.jpg'], ['d1.jpg', 'a.jpg']],
  ['[!0-9]*', ['a.jpg'], ['1.jpg']],
  ['[^0-9].jpg', ['a.jpg'], ['1.jpg', '/.jpg']],
  ['x[!a]y', ['xby'], ['x/y', 'xay', 'xAy']],
  ['[]x].jpg', ['].jpg', 'x.jpg'], ['a.jpg']],
  ['[a-].jpg', ['-.jpg', 'a.jpg'], ['b.jpg']],
  ['[[:digit:]]*', ['7up.jpg'], ['a.jpg']],
  ['[\\]].jpg', ['].jpg'], ['\\.jpg']],
  ['[x.jpg', ['[x.jpg'], ['x.jpg']],
  ['a[b/c]d', ['a[b/c]d'], ['abd']],
  ['\\[1\\].jpg', ['[1].jpg'], ['1.jpg']],
  ['IMG_1(1).jpg', ['IMG_1(1).jpg'], ['IMG_11.jpg', 'IMG_1.jpg']],
  ['Trip (Rome)/*', ['Trip (Rome)/r.jpg'], ['Trip Rome/r.jpg']],
  ['+(a)', ['+(a)', '+(a)/x'], ['a', 'aa']],
  ['@(a|b)', ['@(a|b)'], ['a', 'b']],
  ['!(a)*', ['(a)x'], ['b']],
  ['#recycle', ['#recycle/b.jpg'], ['recycle/b.jpg']],
  ['$(id).jpg', ['$(id).jpg'], ['id.jpg']],
  ['a+b^c.jpg', ['a+b^c.jpg'], ['aab^c.jpg']],
  [' a .jpg', [' a .jpg'], ['a.jpg']],
  ['a\\', ['a\\'], ['a']],
  ['\\*', ['*'], ['a']],
  ['\\!a', ['!a'], ['a']],
  ['.git', ['.git/a.jpg'], ['xgit']],
  ['*.{jpg,png}', ['a.jpg', 'x/b.PNG'], ['a.gif', 'a.{jpg,png}']],
  ['{a,b/}', ['a', 'b/x', 'a/x'], ['b']],
  ['{a,{b,c}d}e', ['ae', 'bde', 'cde'], ['be', 'de']],
  ['{draft}.jpg', ['{draft}.jpg'], ['draft.jpg']],
  ['{a,b', ['{a,b'], ['a', 'b']],
  ['\\{a,b}', ['{a,b}'], ['a', 'b']],
  ['x/{a,}b', ['x/ab', 'x/b'], ['b']],
];

for (const [pattern, yes, no] of TABLE) {
  test(`"${pattern}" covers what it should and nothing else`, () => {
    for (const path of yes) assert.ok(covers(pattern, path), `${pattern} covers ${path}`);
    for (const path of no) assert.not.ok(covers(pattern, path), `${pattern} leaves ${path}`);
  });
}

test('an entry is matched by itself, its folders are another question', () => {
  assert.ok(matches('raw', 'x/raw', true));
  assert.not.ok(matches('raw', 'x/raw/a.jpg'));
  assert.ok(matches('raw/', 'raw', true));
  assert.not.ok(matches('raw/', 'raw', false));
  assert.ok(matches('x/**', 'x/y', true));
  assert.ok(matches('x/**/', 'x/y', true));
  assert.not.ok(matches('x/**/', 'x/y', false));
  assert.ok(parsePattern('/a').matches(foldPath('x/y/A'), false, 'x/y/'.length), 'below a folder');
});

test('on Windows a backslash separates folders where it keeps nothing', () => {
  const windows = (pattern: string, path: string): boolean =>
    parsePattern(pattern, true).covers(foldPath(path));
  assert.ok(windows('Trip\\Rome\\*.jpg', 'Trip/Rome/a.jpg'));
  assert.ok(windows('.\\Trip\\', 'Trip/a.jpg'));
  assert.ok(windows('\\#recycle', 'x/#recycle/a.jpg'));
  assert.ok(windows('\\[1\\].jpg', '[1].jpg'));
  assert.not.ok(covers('Trip\\Rome', 'Trip/Rome'), 'elsewhere it takes the meaning of the next');
});

test('several patterns in one text are split at commas and lines, but not inside braces', () => {
  assert.equal(splitPatterns('a, *.{jpg,png} ,b\\,c\n#recycle\r\n,,  '), [
    'a',
    '*.{jpg,png}',
    'b\\,c',
    '#recycle',
  ]);
  assert.equal(splitPatterns('a\\ , b'), ['a\\ ', 'b']);
  assert.equal(splitPatterns('{a,b'), ['{a', 'b']);
});

test('patterns that name nothing, are too long or stand for too many are refused', () => {
  const code = (text: unknown): string | undefined => {
    try {
      parsePattern(text as string);
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  for (const text of ['', '/', '!', '!/', '//']) assert.is(code(text), 'ERR_ARG_RANGE', text);
  assert.is(code('a'.repeat(1025)), 'ERR_ARG_RANGE');
  assert.is(code('{a,b}'.repeat(6)), 'ERR_ARG_RANGE');
  assert.is(code('{a,b}'.repeat(5)), undefined);
  assert.is(code(5), 'ERR_ARG_TYPE');
});

test('no pattern takes longer than in proportion to its length and that of the path', () => {
  const name = 'a'.repeat(250);
  const paths = [name, `${name}/`.repeat(15) + name, 'a/'.repeat(2000) + 'a'];
  const hostile = [
    '**/+(*a)c',
    '**/'.repeat(300) + 'b',
    '**/a/'.repeat(200) + 'b',
    '*a'.repeat(500) + 'b',
    `${'*a'.repeat(100)}/`.repeat(5) + 'b',
    '[a-z]*'.repeat(160) + '!',
    '?*'.repeat(500) + 'b',
    '{a,aa,*}'.repeat(3) + '*b',
    '{'.repeat(500) + ',}'.repeat(250),
    '\\'.repeat(1000),
    '['.repeat(1000),
    '[[:'.repeat(300),
    '(a*)*'.repeat(200),
  ];
  const verdict = (text: string, path: string): boolean => {
    try {
      return parsePattern(text, false).covers(path);
    } catch {
      return false;
    }
  };
  const started = process.cpuUsage();
  for (const text of hostile) {
    for (const path of paths) assert.type(verdict(text, path), 'boolean');
  }
  // It takes a quarter of a second; a matcher that goes back further than one star never ends here.
  assert.ok(process.cpuUsage(started).user < 3_000_000, 'within seconds of processor time');
});

test.run();
