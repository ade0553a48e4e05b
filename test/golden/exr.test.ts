/** Version 1 of the embeddings gives, to the last bit, what tools/exr-golden.py computes; version 2 what it gave when it was released. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  canonicalJson,
  computeChannelFingerprint,
  computeMetadataEmbedding,
  parseExrHeader,
  type ChannelLike,
  type ExrEmbeddingVersion,
  type PayloadLike,
} from '../../lib/exr';
import { everyKind } from '../helpers/exr-files';

type Case = { dim?: number } & ({ payload: PayloadLike } | { channels: ChannelLike[] });
type Golden = Record<string, { canonical_sha256?: string; vector: string }>;

const root = path.resolve(__dirname, '../../../test/golden');
const load = <T>(name: string): T =>
  JSON.parse(readFileSync(path.join(root, name), 'utf8')) as T;
const cases = load<Record<string, Case>>('exr-payloads.json');

function embed(one: Case, version: ExrEmbeddingVersion): string {
  const vector =
    'payload' in one
      ? computeMetadataEmbedding(one.payload, one.dim ?? 384, { version })
      : computeChannelFingerprint(one.channels, one.dim ?? 128, { version });
  return Buffer.from(vector.buffer).toString('base64');
}

test('version 1 agrees with the Python script in every bit', () => {
  const golden = load<Golden>('exr-v1.json');
  assert.equal(Object.keys(golden), Object.keys(cases));
  for (const [name, one] of Object.entries(cases)) {
    const json = canonicalJson('payload' in one ? one.payload : one.channels);
    const sha = createHash('sha256').update(json, 'utf8').digest('hex');
    assert.is(sha, golden[name]?.canonical_sha256, `${name}: ${json.slice(0, 200)}`);
    assert.is(embed(one, 1), golden[name]?.vector, name);
  }
});

test('version 2 gives what it gave when it was released', () => {
  const golden = load<Golden>('exr-v2.json');
  for (const [name, one] of Object.entries(cases))
    assert.is(embed(one, 2), golden[name]?.vector, name);
});

test('the payloads of the golden file are those of the reader', () => {
  for (const [name, bytes] of Object.entries(everyKind())) {
    const one = cases[`header: ${name}`];
    const payload = parseExrHeader(bytes, { path: `renders/${name}.exr` });
    assert.ok(one !== undefined && 'payload' in one, name);
    assert.is(canonicalJson(payload), canonicalJson(one.payload), name);
  }
});

test.run();
