/** What ffmpeg says of a file's streams, which of them is the film, and what its numbers mean. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  describeTrack,
  filmTracks,
  matrixOfTrack,
  signalOfTrack,
  type FilmTrack,
} from '../../lib/media/ffmpeg/film-track';

const THUMBNAIL =
  'mjpeg (Baseline) (jpeg / 0x6765706A), yuvj420p(pc, bt470bg/unknown/unknown), 64x48 [SAR 1:1 DAR 4:3], 25 fps, 25 tbr, 12800 tbn';
const film = (size: string, more = ''): string =>
  `h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), ${size} [SAR 1:1 DAR 4:3], 10 kb/s, 5 fps, 5 tbr, 10k tbn${more}`;
const DEFAULT = ' (default)';

const chosen = (...texts: string[]): number | undefined =>
  filmTracks(texts.map((text, i) => describeTrack(i, text)))[0]?.index;

test('the film is the track that a player plays', () => {
  assert.is(chosen(film('320x240')), 0);
  assert.is(chosen(THUMBNAIL, film('320x240')), 1, 'a thumbnail before the film');
  assert.is(chosen(THUMBNAIL + DEFAULT, film('320x240')), 1, 'also when it is marked as default');
  assert.is(chosen(`${THUMBNAIL} (attached pic)`), undefined, 'a cover is no film');
  assert.is(chosen(THUMBNAIL), 0, 'motion JPEG alone is one');
  assert.is(chosen(film('160x120', DEFAULT), film('1920x1080')), 1, 'a preview of the film');
  assert.is(chosen(film('1280x720'), film('1280x720', DEFAULT)), 1, 'the angle marked as default');
  assert.is(chosen(film('1280x720', DEFAULT), film('1920x1080', DEFAULT)), 1, 'the larger');
  assert.is(chosen(film('1920x1080', DEFAULT), film('1920x1080', DEFAULT)), 0, 'the first');
  assert.is(chosen(film('640x480', `${DEFAULT} (timed thumbnails)`), film('320x240')), 1);
  assert.is(chosen(), undefined);
});

test('a track is read as ffmpeg words it, in all its forms', () => {
  const wmv = describeTrack(
    1,
    'wmv2 (WMV2 / 0x32564D57), yuv420p, 320x240, SAR 16:15 DAR 64:45, 1.5k fps, 1k tbr',
  );
  assert.equal([wmv.codec, wmv.width, wmv.height, wmv.fps], ['wmv2', 320, 240, 1500]);
  assert.ok(Math.abs(wmv.pixelAspect - 16 / 15) < 1e-9);
  const hdr = describeTrack(
    0,
    'hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le(tv, bt2020nc/bt2020/smpte2084, progressive), 320x240, 1 kb/s, 5 fps (default)',
  );
  assert.equal(
    [hdr.bits, hdr.matrix, hdr.primaries, hdr.transfer],
    [10, 'bt2020nc', 'bt2020', 'smpte2084'],
  );
  assert.ok(hdr.isDefault && !hdr.isStill);
  const plain = describeTrack(0, film('320x240'));
  assert.equal([plain.bits, plain.matrix, plain.transfer], [8, 'bt709', 'bt709']);
  const bare = describeTrack(0, 'vp8, yuv420p(progressive), 320x240, SAR 1:1 DAR 4:3, 25 fps');
  assert.equal([bare.matrix, bare.width], ['unknown', 320]);
});

test('HDR is known by its transfer, and where that is lost by what is left', () => {
  const track = (over: Partial<FilmTrack>): FilmTrack => ({
    ...describeTrack(0, 'hevc, yuv420p, 320x240'),
    ...over,
  });
  const pq = { primaries: 9, transfer: 16 };
  assert.equal(signalOfTrack(track({ primaries: 'bt2020', transfer: 'smpte2084' })), pq);
  assert.equal(signalOfTrack(track({ transfer: 'smpte2084' })), pq, 'primaries unsaid');
  assert.equal(signalOfTrack(track({ transfer: 'arib-std-b67' })), { primaries: 9, transfer: 18 });
  assert.equal(signalOfTrack(track({ primaries: 'bt2020', bits: 10 })), pq, 'transfer unsaid');
  assert.equal(signalOfTrack(track({ hasLightLevels: true })), pq);
  assert.equal(signalOfTrack(track({ primaries: 'bt2020', transfer: 'bt2020-10', bits: 10 })), {
    primaries: 9,
    transfer: 1,
  });
  assert.is(signalOfTrack(track({ bits: 10 })), undefined, 'ten bits alone are no HDR');
  assert.is(signalOfTrack(track({ primaries: 'bt709', transfer: 'bt709' })), undefined);
});

test('where a file does not say its matrix, HD is BT.709', () => {
  const track = (size: string): FilmTrack => describeTrack(0, `h264, yuv420p, ${size}, 25 fps`);
  assert.is(matrixOfTrack(track('1920x1080')), 'bt709');
  assert.is(matrixOfTrack(track('640x480')), undefined);
  assert.is(matrixOfTrack(describeTrack(0, film('1920x1080'))), undefined, 'it says so');
});

test.run();
