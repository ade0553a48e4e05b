/** From PQ, HLG and wide gamuts to sRGB: known points, and nothing outside of 0 to 1. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cubeText } from '../../lib/media/color/cube';
import { colorMap, mapPixels } from '../../lib/media/color/map';
import { needsMapping } from '../../lib/media/color/signal';
import { signalOf, signalOfProfile } from '../../lib/media/image/formats/signal';

const PQ = { primaries: 9, transfer: 16 };
const HLG = { primaries: 9, transfer: 18 };
const P3 = { primaries: 12, transfer: 13 };

const mapped = (signal: { primaries: number; transfer: number }, ...rgb: number[]): number[] => {
  const values = Float64Array.from(rgb);
  colorMap(signal)(values);
  return Array.from(values, (value) => Math.round(value * 255));
};
/** The signal of so many cd/m2. */
const pq = (nits: number): number => {
  const power = (nits / 10_000) ** 0.1593017578125;
  return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375;
};

test('203 cd/m2 is white within the roll-off, half of it is what sRGB has for a half', () => {
  const [white = 0] = mapped(PQ, pq(203), pq(203), pq(203));
  assert.ok(white >= 246 && white <= 255, `${white}`);
  const half = pq(203 / 2);
  assert.equal(mapped(PQ, half, half, half), [188, 188, 188]);
  assert.equal(mapped(PQ, 0, 0, 0), [0, 0, 0]);
});

test('brighter is never darker, and nothing leaves the range', () => {
  let last = -1;
  for (let nits = 1; nits <= 10_000; nits *= 1.3) {
    const [value = 0] = mapped(PQ, pq(nits), pq(nits), pq(nits));
    assert.ok(value >= last && value <= 255, `${nits}: ${value} after ${last}`);
    last = value;
  }
  for (const signal of [PQ, HLG, P3])
    for (const rgb of [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 1, 1],
      [1, 0, 1],
    ])
      for (const value of mapped(signal, ...rgb))
        assert.ok(value >= 0 && value <= 255, JSON.stringify({ signal, rgb, value }));
});

test('75 percent of HLG is white as well', () => {
  const [white = 0] = mapped(HLG, 0.75, 0.75, 0.75);
  assert.ok(white >= 246, `${white}`);
});

test('grey stays grey and sRGB inside Display P3 comes back', () => {
  assert.equal(mapped(P3, 0.6, 0.6, 0.6), [153, 153, 153]);
  // sRGB red in Display P3 is 234, 51, 35.
  const [r = 0, g = 0, b = 0] = mapped(P3, 234 / 255, 51 / 255, 35 / 255);
  assert.ok(r >= 252 && g <= 8 && b <= 8, `${r},${g},${b}`);
});

test('pixels of 8 and 16 bits agree, and alpha is kept', () => {
  const eight = mapPixels(Uint8Array.from([128, 100, 90, 7]), 4, PQ);
  const sixteen = mapPixels(Uint16Array.from([128, 100, 90, 7].map((v) => v * 257)), 4, PQ);
  assert.equal([...eight], [...sixteen]);
  assert.is(eight[3], 7);
});

test('the table for films has the same values, red fastest', () => {
  const [head, , second] = cubeText(PQ).split('\n');
  assert.is(head, 'LUT_3D_SIZE 65');
  const rgb = Float64Array.from([1 / 64, 0, 0]);
  colorMap(PQ)(rgb);
  assert.is(second, Array.from(rgb, (value) => value.toFixed(5)).join(' '));
});

test('code points are read from a PNG chunk before the pixels, and hostile bytes give none', () => {
  const chunk = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const cicp = chunk('cICP', Buffer.from([9, 16, 0, 1]));
  const ihdr = chunk('IHDR', Buffer.alloc(13));
  const idat = chunk('IDAT', Buffer.alloc(10));
  assert.equal(signalOf('png', Buffer.concat([signature, ihdr, cicp, idat])), PQ);
  assert.is(signalOf('png', Buffer.concat([signature, ihdr, idat, cicp])), undefined);
  const whole = Buffer.concat([signature, ihdr, cicp, idat]);
  for (let length = 0; length < whole.length; length++) signalOf('png', whole.subarray(0, length));
  const seed = 7;
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24;
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(Array.from({ length: 200 }, next));
    bytes.write('meta', 4, 'latin1');
    signalOf('avif', bytes);
    signalOfProfile(bytes);
  }
});

test('plain pictures are left alone', () => {
  for (const [primaries, transfer] of [
    [1, 13],
    [1, 1],
    [2, 2],
    [6, 6],
  ] as const)
    assert.is(needsMapping({ primaries, transfer }), false, `${primaries}/${transfer}`);
  for (const signal of [PQ, HLG, P3]) assert.is(needsMapping(signal), true);
});

test.run();
