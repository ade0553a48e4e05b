/** Sound of real and made files: rate, channels, cut, damage, and files that are no sound. */
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeAudio, sampleClip, type DecodedAudio } from '../../lib/media';
import { sniffAudio } from '../../lib/media/audio-sniff';
import { noFfmpeg, runFfmpeg, writeVideo } from '../helpers/media';
import { sharedData } from '../helpers/shared-data';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { wav } from '../helpers/wav';

const folder = makeTempDir('audio');
const file = (name: string): string => path.join(folder, name);
const decode = (absPath: string, options = {}): Promise<DecodedAudio> =>
  decodeAudio({ absPath }, options);

/** Root mean square of seconds [from, to). */
function level({ samples, sampleRate }: DecodedAudio, from: number, to: number): number {
  const part = samples.subarray(Math.round(from * sampleRate), Math.round(to * sampleRate));
  return Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / part.length);
}

const withFfmpeg = testUnless(noFfmpeg);
const sounds = sharedData('media', 'audio');
const withSounds = testUnless(noFfmpeg ?? (sounds === undefined ? 'no shared media' : undefined));

withFfmpeg('samples at the rate of the model come through exactly', async () => {
  const values = Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 65_536) - 32_768);
  writeFileSync(file('exact.wav'), wav(values));
  const { samples, sampleRate, durationSeconds, complaint } = await decode(file('exact.wav'));
  assert.is(sampleRate, 16_000);
  assert.is(durationSeconds, 5000 / 16_000);
  assert.is(complaint, undefined);
  assert.equal(
    [...samples],
    values.map((value) => value / 32_768),
  );
});

withFfmpeg('channels are averaged, however many', async () => {
  const left = [1000, 2000, -3000, 32_767];
  const stereo = left.flatMap((value, i) => [value, i * 100]);
  writeFileSync(file('stereo.wav'), wav(stereo, 2));
  const { samples } = await decode(file('stereo.wav'));
  left.forEach((value, i) => {
    const mean = (value + i * 100) / 2 / 32_768;
    assert.ok(Math.abs((samples[i] as number) - mean) < 1e-6, `sample ${i}`);
  });
  // Three channels of 1, 0 and 0: a third is left, whatever ffmpeg would call the layout.
  const source = 'aevalsrc=0.6|0|0:s=16000:d=0.5';
  runFfmpeg(['-f', 'lavfi', '-i', source, '-c:a', 'pcm_f32le', file('three.wav')]);
  const three = await decode(file('three.wav'));
  assert.is(three.samples.length, 8000);
  assert.ok(three.samples.every((value) => Math.abs(value - 0.2) < 1e-5));
});

withFfmpeg('sound is cut at 90 s, and where it is asked to be', async () => {
  const source = 'sine=frequency=440:sample_rate=8000:duration=95';
  runFfmpeg(['-f', 'lavfi', '-i', source, file('long.wav')]);
  const long = await decode(file('long.wav'));
  assert.is(long.samples.length, 90 * 16_000);
  assert.is(long.durationSeconds, 90);
  const short = await decode(file('long.wav'), { maxSeconds: 0.25, sampleRate: 8000 });
  assert.is(short.samples.length, 2000);
  assert.is(short.sampleRate, 8000);
  for (const options of [{ maxSeconds: 0 }, { maxSeconds: Number.NaN }, { sampleRate: 10 }])
    assert.is(await codeOf(decode(file('long.wav'), options)), 'ERR_ARG_RANGE');
});

withFfmpeg(
  'common formats and the sound of a film decode; a film without sound does not',
  async () => {
    const sine = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=1'];
    for (const extension of ['flac', 'mp3', 'ogg', 'm4a', 'aiff', 'caf', 'w64', 'mkv', 'aac']) {
      const target = file(`sine.${extension}`);
      runFfmpeg([...sine, ...(extension === 'ogg' ? ['-c:a', 'flac'] : []), target]);
      const sound = await decode(target);
      assert.ok(
        Math.abs(sound.durationSeconds - 1) < 0.1,
        `${extension}: ${sound.durationSeconds} s`,
      );
      const middle = level(sound, 0.3, 0.7);
      assert.ok(Math.abs(middle - 0.125 / Math.SQRT2) < 0.01, `${extension}: level ${middle}`);
    }
    writeVideo(file('mute.mp4'), 1);
    const error = await errorOf(decode(file('mute.mp4')));
    assert.is(error.code, 'ERR_MEDIA_UNSUPPORTED');
    assert.match(error.message, /no audio/);
  },
);

withFfmpeg('what is no sound is a typed error', async () => {
  const cases: [string, string | Buffer, string][] = [
    ['empty.wav', '', 'ERR_MEDIA_DECODE'],
    ['none.wav', wav([]), 'ERR_MEDIA_UNSUPPORTED'],
    ['text.wav', 'this is no sound at all', 'ERR_MEDIA_UNSUPPORTED'],
    ['list.wav', '#EXTM3U\nother.wav\n', 'ERR_MEDIA_UNSUPPORTED'],
    ['concat.mp3', "ffconcat version 1.0\nfile 'exact.wav'\n", 'ERR_MEDIA_UNSUPPORTED'],
    ['header.wav', wav([1, 2, 3]).subarray(0, 30), 'ERR_MEDIA_DECODE'],
    [
      'noise.flac',
      Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(400, 0x5a)]),
      'ERR_MEDIA_DECODE',
    ],
    ['noise.mp3', Buffer.concat([Buffer.from('ID3'), Buffer.alloc(4000, 7)]), 'ERR_MEDIA_DECODE'],
  ];
  for (const [name, bytes, code] of cases) {
    writeFileSync(file(name), bytes);
    assert.is(await codeOf(decode(file(name))), code, name);
  }
  assert.is(await codeOf(decode(file('gone.wav'))), 'ERR_MEDIA_MISSING');
  assert.is(await codeOf(decode(folder)), 'ERR_MEDIA_UNSUPPORTED');
  symlinkSync(file('exact.wav'), file('link.wav'));
  assert.is(await codeOf(decode(file('link.wav'))), 'ERR_MEDIA_UNSUPPORTED');
  const signal = AbortSignal.abort();
  assert.is(await codeOf(decode(file('exact.wav'), { signal })), 'ERR_ABORTED');
  assert.is((await decode(file('exact.wav'))).samples.length, 5000, 'afterwards all is well');
});

withFfmpeg('a cut file gives the samples that are there', async () => {
  const values = Array.from({ length: 5000 }, (_, i) => i);
  const bytes = wav(values);
  writeFileSync(file('cut.wav'), bytes.subarray(0, 44 + 2 * 1234));
  const { samples } = await decode(file('cut.wav'));
  assert.is(samples.length, 1234);
  assert.is(samples[1233], 1233 / 32_768);
  // An odd byte is no sample.
  writeFileSync(file('odd.wav'), bytes.subarray(0, 44 + 2 * 99 + 1));
  assert.is((await decode(file('odd.wav'))).samples.length, 99);
});

test('the first bytes decide the demuxer; big-endian files name their decoder', () => {
  const is = (bytes: readonly number[] | string): string | undefined =>
    sniffAudio(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Uint8Array.from(bytes))
      ?.format;
  assert.is(is([0xff, 0xfb, 0x90, 0]), 'mp3');
  assert.is(is([0xff, 0xf1, 0x50, 0x80]), 'aac');
  assert.is(is([0xff, 0xd8, 0xff, 0xe0]), undefined, 'a JPEG');
  assert.is(is('OggS'), 'ogg');
  assert.is(is('RIFF....AVI '), 'avi');
  assert.is(is('RIFF....WEBP'), undefined);
  assert.is(is(''), undefined);
  const rifx = Buffer.from(
    `RIFX....WAVEfmt ${'\0\0\0\x10\0\x01\0\x01\0\0\x1f@\0\0>\x80\0\x02\0\x18'}data`,
    'latin1',
  );
  assert.equal(sniffAudio(rifx), { format: 'wav', decoder: 'pcm_s24be' });
  for (let length = 0; length < 36; length++)
    assert.is(sniffAudio(rifx.subarray(0, length)), undefined);
  rifx.writeUInt16BE(7, 20);
  assert.is(sniffAudio(rifx), undefined, 'µ-law in big-endian order');
});

withSounds('real files of every kind decode to what they hold', async () => {
  const real = (name: string): Promise<DecodedAudio> => decode(path.join(sounds ?? '', name));
  const seconds: [string, number][] = [
    ['0_jackson_0.wav', 0.6435],
    ['16bit-8kHz-stereo.wav', 14],
    ['24bit-16kHz-bext-mono.wav', 13.7143],
    ['32bitIEEE-16kHz-bext-mono.wav', 1.7143],
    ['4bit-imaadpcm-8kHz-mono.wav', 6.63],
    ['8bit-alaw-8kHz-mono.wav', 6],
    ['RF64-16bit-8kHz-stereo.wav', 9.6874],
    ['RIFX-16bit-mono.wav', 6],
    ['sine_16ch_s16.wav', 1],
    ['sine_mono_s32_44100.wav', 4],
    ['speech_16k_60s.wav', 60],
  ];
  for (const [name, expected] of seconds) {
    const { durationSeconds, samples } = await real(name);
    assert.ok(Math.abs(durationSeconds - expected) < 0.01, `${name}: ${durationSeconds} s`);
    assert.ok(samples.every(Number.isFinite), name);
    assert.ok(
      samples.some((value) => Math.abs(value) > 0.01),
      `${name} is not silent`,
    );
  }
  const error = await errorOf(real('empty-44-bytes.wav'));
  assert.is(error.code, 'ERR_MEDIA_UNSUPPORTED');
  // 24 and 8 bits of the same recording.
  const [deep, shallow] = [
    await real('24bit-16kHz-bext-mono.wav'),
    await real('8bit-16kHz-bext-mono.wav'),
  ];
  assert.is(deep.samples.length, shallow.samples.length);
  const apart = deep.samples.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (shallow.samples[i] as number))),
    0,
  );
  assert.ok(apart < 0.02, `apart by ${apart}`);
});

withSounds('a big-endian file sounds as it should and not as noise', async () => {
  const { samples } = await decode(path.join(sounds ?? '', 'RIFX-16bit-mono.wav'), {
    sampleRate: 8000,
  });
  const bytes = readFileSync(path.join(sounds ?? '', 'RIFX-16bit-mono.wav'));
  for (let i = 0; i < 4000; i++) assert.is(samples[i], bytes.readInt16BE(44 + 2 * i) / 32_768);
});

withSounds('what a lower rate cannot carry is filtered, not folded back', async () => {
  // 1 Hz to 22,050 Hz in 8 s, logarithmic: at 7.19 s it passes 8 kHz, half of the new rate.
  const chirp = await decode(path.join(sounds ?? '', '16bit-44100Hz-chirp.wav'));
  assert.ok(level(chirp, 5, 7) > 0.6, 'below half the rate it is as loud as before');
  const above = level(chirp, 7.3, 7.95);
  assert.ok(above < 0.01, `above it, ${above} is left`);
});

withFfmpeg('a clip spans the whole video, a short one gives all its frames', async () => {
  writeVideo(file('long.mp4'), 20);
  const long = await sampleClip({ absPath: file('long.mp4') }, { frames: 16, maxSize: 64 });
  assert.ok(long.length >= 60 && long.length <= 66, `${long.length} frames`);
  assert.is(long[0]?.timestamp, 0);
  assert.ok((long[long.length - 1]?.timestamp ?? 0) > 19.5);
  writeVideo(file('short.mp4'), 0.5);
  const short = await sampleClip({ absPath: file('short.mp4') }, { frames: 16 });
  assert.is(short.length, 5);
  assert.equal(new Set(short.map((frame) => frame.timestamp)).size, 5);
  copyFileSync(file('exact.wav'), file('sound.mp4'));
  assert.is(await codeOf(sampleClip({ absPath: file('sound.mp4') })), 'ERR_MEDIA_UNSUPPORTED');
  const zero = sampleClip({ absPath: file('short.mp4') }, { frames: 0 });
  assert.is(await codeOf(zero), 'ERR_ARG_RANGE');
});

test.run();
