/** The verdict on first bytes, and the reader of EXIF dates, on hand-made and on hostile bytes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exifDate } from '../../lib/media/image/exif-date';
import { sniff } from '../../lib/media/sniff';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const verdict = (text: string): string => {
  const sniffed = sniff(bytes(text));
  return 'format' in sniffed ? `${sniffed.type} ${sniffed.format}` : sniffed.type;
};

test('each container and picture format is known by its first bytes', () => {
  const mpegts = Buffer.alloc(400);
  for (const at of [0, 188, 376]) mpegts[at] = 0x47;
  const table: [string, string][] = [
    ['\xff\xd8\xff\xe0', 'image jpeg'],
    ['\x89PNG\r\n\x1a\n', 'image png'],
    ['GIF89a', 'image gif'],
    ['RIFF\0\0\0\0WEBPVP8 ', 'image webp'],
    ['\0\0\0\x1cftypavif\0\0\0\0mif1avif', 'image avif'],
    ['\0\0\0\x1cftypmif1\0\0\0\0mif1avif', 'image avif'],
    ['\0\0\0\x18ftypheic\0\0\0\0mif1', 'image heic'],
    ['II*\0\x08\0\0\0', 'image tiff'],
    ['II*\0\x10\0\0\0CR\x02\0', 'image raw'],
    ['\0\0\0\x18ftypcrx \0\0\0\x01crx ', 'image raw'],
    [`BM${'\0'.repeat(12)}\x28\0\0\0`, 'image bmp'],
    ['\0\0\0\x0cjP  \r\n\x87\n', 'image jp2'],
    ['8BPS\0\x01', 'image psd'],
    ['P6\n320 240\n255\n', 'image ppm'],
    ['\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01', 'video mxf'],
    ['\x1f\x07\x00\x3f', 'video dv'],
    ['\0\0\x01\xb3', 'video mpegvideo'],
    ['\0\0\0\x18ftypisom\0\0\0\0isom', 'video mov'],
    ['\0\0\0\x18ftypqt  \0\0\0\0qt  ', 'video mov'],
    ['\0\0\0\x08wide\0\0\0\0mdat', 'video mov'],
    ['\x1a\x45\xdf\xa3', 'video matroska'],
    ['RIFF\0\0\0\0AVI LIST', 'video avi'],
    ['FLV\x01', 'video flv'],
    ['OggS', 'video ogg'],
    [mpegts.toString('latin1'), 'video mpegts'],
  ];
  for (const [head, expected] of table) assert.is(verdict(head), expected, JSON.stringify(head));
});

test('packets of a transport stream are found when the first is cut, and in their longer forms', () => {
  for (const length of [188, 192, 204]) {
    for (const start of [0, 4, 77]) {
      const stream = Buffer.alloc(4096, 0x01);
      for (let at = start; at < stream.length; at += length) stream[at] = 0x47;
      assert.is(sniff(stream).type, 'video', `${length} from ${start}`);
    }
  }
});

test('playlists, scripts, vector pictures and archives are never handed to a decoder', () => {
  const heads = [
    '#EXTM3U\n#EXT-X-VERSION:3\nfile.ts',
    '\xef\xbb\xbf#EXTM3U',
    'ffconcat version 1.0\nfile a.mp4',
    'v=0\r\no=- 0 0 IN IP4 127.0.0.1',
    '[playlist]\nFile1=a.mp4',
    '<?xml version="1.0"?><MPD>',
    '<svg xmlns=',
    '  <svg',
    '%PDF-1.7',
    'PK\x03\x04',
    '\x1f\x8b\x08',
    '#!/bin/sh',
    'RIFF\0\0\0\0WAVEfmt ',
    'BM, the car maker',
    'P6 is no format in this sentence',
    'The free encyclopedia',
    `${'G'.repeat(4000)}`,
    '\0\0\x01\0',
    'push graphic-context\nviewbox 0 0 1 1',
    '',
    '\0',
    '\xff\xd8',
    'RIFF',
  ];
  for (const head of heads) {
    const { type } = sniff(bytes(head));
    assert.ok(type === 'unsupported' || type === 'unknown', `${JSON.stringify(head)} is ${type}`);
  }
});

test('a refusal has a reason that a person can use', () => {
  const sniffed = sniff(bytes('#?RADIANCE\n'));
  assert.match(sniffed.type === 'unsupported' ? sniffed.reason : '', /Radiance HDR.*convert/);
});

test('random bytes get a verdict and nothing else', () => {
  const seed = 20261121;
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  for (let round = 0; round < 20_000; round++) {
    const head = Buffer.from(Array.from({ length: next() % 64 }, () => next() & 255));
    if (round % 2 === 0 && head.length > 12) head.write('ftyp', 4, 'latin1');
    assert.type(sniff(head).type, 'string', `seed ${seed} round ${round}`);
  }
});

/** An EXIF block with one folder of text tags, in either byte order. */
function exif(order: 'II' | 'MM', tags: Record<number, string>): Buffer {
  const block = Buffer.alloc(512);
  const little = order === 'II';
  const u16 = (value: number, at: number): void =>
    void (little ? block.writeUInt16LE(value, at) : block.writeUInt16BE(value, at));
  const u32 = (value: number, at: number): void =>
    void (little ? block.writeUInt32LE(value, at) : block.writeUInt32BE(value, at));
  block.write(order, 0, 'latin1');
  u16(42, 2);
  u32(8, 4);
  u16(1, 8);
  u16(0x8769, 10);
  u16(4, 12);
  u32(1, 14);
  u32(40, 18);
  const entries = Object.entries(tags);
  u16(entries.length, 40);
  let place = 200;
  for (const [i, [tag, text]] of entries.entries()) {
    const at = 42 + 12 * i;
    u16(Number(tag), at);
    u16(2, at + 2);
    u32(text.length + 1, at + 4);
    u32(place, at + 8);
    place += block.write(`${text}\0`, place, 'latin1');
  }
  return block;
}

test('the date of a picture is read in both byte orders, with the offset when there is one', () => {
  const taken = { 0x9003: '2019:06:09 12:57:32' };
  assert.is(exifDate(exif('II', taken)), '2019-06-09T12:57:32');
  assert.is(exifDate(exif('MM', { ...taken, 0x9011: '+02:00' })), '2019-06-09T12:57:32+02:00');
  assert.is(exifDate(Buffer.concat([bytes('Exif\0\0'), exif('II', taken)])), '2019-06-09T12:57:32');
});

test('what is no date gives null', () => {
  for (const text of ['0000:00:00 00:00:00', '2019:13:09 12:57:32', 'yesterday', ''])
    assert.is(exifDate(exif('II', { 0x9003: text })), null, text);
  assert.is(exifDate(undefined), null);
  assert.is(exifDate(Buffer.alloc(0)), null);
});

test('every truncation and every flipped byte of an EXIF block gives a date or null', () => {
  const block = exif('MM', { 0x9003: '2019:06:09 12:57:32', 0x9011: '+02:00' });
  for (let length = 0; length < block.length; length++) exifDate(block.subarray(0, length));
  for (let at = 0; at < block.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const damaged = Buffer.from(block);
      damaged[at] = value;
      const date = exifDate(damaged);
      assert.ok(date === null || typeof date === 'string');
    }
  }
});

test.run();
