/** The error table, its documentation and the native list say the same, both ways. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as errors from '../../lib/base/errors';

const root = path.resolve(__dirname, '../../..');
const codes = Object.keys(errors.ERROR_CODES).sort();

test('docs/reference/ERRORS.md lists exactly the codes of the table', () => {
  const text = readFileSync(path.join(root, 'docs/reference/ERRORS.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `(ERR_[A-Z_]+)` *\| (\S.+) \| (\S.+) \|$/gm)];
  assert.equal(documented.map((row) => row[1]).sort(), codes);
});

test('native/core/status_codes.def and the table agree on every number', () => {
  const text = readFileSync(path.join(root, 'native/core/status_codes.def'), 'utf8');
  const native = [...text.matchAll(/^SL_STATUS\(\w+, (\d+), "(ERR_\w+)"\)$/gm)]
    .map((row) => `${row[2]}=${row[1]}`)
    .sort();
  const table = Object.entries(errors.ERROR_CODES)
    .flatMap(([code, row]) => ('native' in row ? [`${code}=${row.native}`] : []))
    .sort();
  assert.equal(native, table);
});

test('every code makes an error of its class with code, details and cause', () => {
  for (const code of codes as errors.ErrorCode[]) {
    const cause = new Error('why');
    const error = errors.makeError(code, 'text', { details: { a: 1 }, cause });
    assert.is(error.name, errors.ERROR_CODES[code].class);
    assert.is(error.code, code);
    assert.equal(error.details, { a: 1 });
    assert.is(error.cause, cause);
    assert.ok(errors.isLibraryError(error));
  }
  assert.ok(errors.makeError('ERR_ARG_TYPE', '') instanceof TypeError);
  assert.ok(errors.makeError('ERR_ARG_RANGE', '') instanceof RangeError);
  assert.not.ok(errors.isLibraryError(new Error('x')));
  assert.is(errors.codeOfNativeStatus(22), 'ERR_FILE_LOCKED');
  assert.is(errors.codeOfNativeStatus(12345), 'ERR_INTERNAL');
});

test.run();
