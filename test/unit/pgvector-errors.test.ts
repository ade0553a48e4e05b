/** Every way in which PostgreSQL fails has a code of ours, a remedy, and no password. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeError } from '../../lib/base/errors';
import {
  readVector,
  vectorArrayParameter,
  vectorParameter,
} from '../../lib/stores/vectors/pg/pg-binary';
import { isConnectionError, toLibraryError } from '../../lib/stores/vectors/pg/pg-errors';
import { readVersion } from '../../lib/stores/vectors/pg/schema/pg-schema';

const driverError = (code: string, message = 'because', detail?: string): Error =>
  Object.assign(new Error(message), { code, ...(detail === undefined ? {} : { detail }) });

const CASES: readonly [string, string, RegExp][] = [
  ['28P01', 'ERR_STORE_DENIED', /Check user and password/],
  ['28000', 'ERR_STORE_DENIED', /Check user and password/],
  ['42501', 'ERR_STORE_DENIED', /GRANT USAGE, CREATE/],
  ['3D000', 'ERR_STORE_UNAVAILABLE', /createdb/],
  ['3F000', 'ERR_STORE_UNAVAILABLE', /CREATE SCHEMA/],
  ['42P01', 'ERR_NOT_FOUND', /for writing once/],
  ['53100', 'ERR_DISK_FULL', /free some/],
  ['53200', 'ERR_NO_MEMORY', /memory/],
  ['57014', 'ERR_TIMEOUT', /statementTimeoutMs/],
  ['55P03', 'ERR_BUSY', /try again/],
  ['25006', 'ERR_READ_ONLY', /replica/],
  ['22P02', 'ERR_ARG_RANGE', /cannot hold/],
  ['22003', 'ERR_VECTOR_INVALID', /does not fit/],
  ['57P01', 'ERR_STORE_UNAVAILABLE', /is the server running/],
  ['53300', 'ERR_STORE_UNAVAILABLE', /is the server running/],
  ['08006', 'ERR_STORE_UNAVAILABLE', /is the server running/],
  ['ECONNREFUSED', 'ERR_STORE_UNAVAILABLE', /is the server running/],
  ['ENOTFOUND', 'ERR_STORE_UNAVAILABLE', /host, port and database/],
  ['XX001', 'ERR_STORE', /because/],
];

test('each SQLSTATE and each error of the network has its code and says what to do', () => {
  for (const [state, code, remedy] of CASES) {
    const cause = driverError(state);
    const error = toLibraryError(cause, 'host:5432/db');
    assert.is(error.code, code, state);
    assert.match(error.message, remedy, state);
    assert.match(error.message, state.startsWith('22') ? /./ : /host:5432\/db/);
    assert.is(error.cause, cause);
  }
});

test('a key that is there is named; errors of ours pass; only lost connections are begun again', () => {
  const twice = driverError('23505', 'duplicate', 'Key (key)=(-12) already exists.');
  assert.is(toLibraryError(twice, 'w').code, 'ERR_KEY_EXISTS');
  assert.is(toLibraryError(twice, 'w').details.key, -12);
  const own = makeError('ERR_ABORTED', 'aborted');
  assert.is(toLibraryError(own, 'w'), own);
  assert.is(toLibraryError(new Error('Query read timeout'), 'w').code, 'ERR_TIMEOUT');
  assert.ok(isConnectionError(new Error('Connection terminated unexpectedly')));
  assert.ok(isConnectionError(driverError('57P03')));
  assert.not.ok(isConnectionError(driverError('42601')));
  assert.not.ok(isConnectionError(own));
  assert.not.ok(isConnectionError('text'));
});

test('versions: 0.5 brought HNSW, 0.7 halves, 0.8 iterative scans', () => {
  for (const old of ['0.4.4', '0.1', '', 'x'] as const) assert.is(readVersion(old), undefined);
  const rows = ['0.5.1', '0.7.0', '0.8.7', '0.10', '1.0'].map((text) => readVersion(text));
  assert.equal(
    rows.map((row) => [row?.hasHalfvec, row?.hasIterativeScan]),
    [
      [false, false],
      [true, false],
      [true, true],
      [true, true],
      [true, true],
    ],
  );
});

test('the binary format is the one PostgreSQL documents, and floats come back bit for bit', () => {
  const vector = Float32Array.of(1, -0, 3.4e38, 1e-45, 0.1);
  const one = vectorParameter(vector);
  assert.is(one.readInt16BE(0), 5);
  assert.is(one.readInt16BE(2), 0);
  assert.is(one.toString('hex', 4, 8), '3f800000');
  const back = readVector(one);
  assert.ok(back.every((value, i) => Object.is(value, vector[i])));
  const two = vectorArrayParameter(Float32Array.of(1, 2, 3, 4), 2, 16_500);
  assert.equal(
    [0, 4, 8, 12, 16].map((at) => two.readInt32BE(at)),
    [1, 0, 16_500, 2, 1],
  );
  assert.is(two.readInt32BE(20), 12);
  assert.is(two.length, 20 + 2 * (4 + 12));
  assert.equal([...readVector(two.subarray(40))], [3, 4]);
});

test.run();
