/** Hostile and damaged videos: scripts in disguise, odd names, cut files, children that misbehave. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  findFfmpeg,
  probeVideo,
  sampleVideo,
  type DecodedFrame,
  type SampleOptions,
} from '../../lib/media';
import { inputArgs } from '../../lib/media/video/video-args';
import { codeOf } from '../helpers/errors';
import { noFfmpeg, runFfmpeg } from '../helpers/media';
import { skip, skipAll } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { childrenOfSelf, openFilesBelow } from '../helpers/video';

const dir = makeTempDir('video');
const file = (name: string): string => path.join(dir, name);

async function sample(absPath: string, options: SampleOptions = {}): Promise<DecodedFrame[]> {
  const frames: DecodedFrame[] = [];
  for await (const frame of sampleVideo({ absPath }, options)) frames.push(frame);
  return frames;
}

function assertNothingLeft(): void {
  assert.equal(openFilesBelow(dir), [], 'no descriptor left');
  for (const pid of childrenOfSelf() ?? [])
    assert.not.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /ffmpeg/);
}

async function main(): Promise<void> {
  if (noFfmpeg !== undefined) return skipAll(noFfmpeg);
  const make = (name: string, source: string, ...args: string[]): string => {
    runFfmpeg(['-f', 'lavfi', '-i', source, ...args, file(name)]);
    return file(name);
  };
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const plain = make(
    'plain.mp4',
    'testsrc2=size=640x360:rate=30:duration=5.2',
    ...h264,
    '-g',
    '45',
  );

  test('a video cut off gives what decoded, then says so; one without a header gives nothing', async () => {
    const faststart = make(
      'cut.mp4',
      'testsrc2=size=640x360:rate=30:duration=20',
      ...h264,
      '-movflags',
      '+faststart',
    );
    truncateSync(faststart, Math.floor(readFileSync(faststart).length / 3));
    const frames: DecodedFrame[] = [];
    const work = (async () => {
      for await (const frame of sampleVideo({ absPath: faststart })) frames.push(frame);
    })();
    assert.is(await codeOf(work), 'ERR_MEDIA_DECODE');
    assert.ok(frames.length >= 4 && frames.length <= 10, `${frames.length} frames came first`);
    const headless = file('headless.mp4');
    copyFileSync(plain, headless);
    truncateSync(headless, Math.floor(readFileSync(headless).length / 2));
    assert.is(await codeOf(sample(headless)), 'ERR_MEDIA_DECODE');
    writeFileSync(file('empty.mp4'), '');
    assert.is(await codeOf(sample(file('empty.mp4'))), 'ERR_MEDIA_DECODE');
    assert.is(await codeOf(sample(file('none.mp4'))), 'ERR_MEDIA_MISSING');
    assertNothingLeft();
  });

  test('a file that changes while it is sampled says so', async () => {
    const growing = file('growing.mkv');
    runFfmpeg(['-i', plain, '-c', 'copy', growing]);
    const work = (async () => {
      for await (const frame of sampleVideo({ absPath: growing }))
        if (frame.timestamp === 0) writeFileSync(growing, 'x', { flag: 'a' });
    })();
    assert.is(await codeOf(work), 'ERR_MEDIA_CHANGED');
  });

  test('audio alone and pictures under a video name are skipped, not failed', async () => {
    runFfmpeg(['-f', 'lavfi', '-i', 'sine=duration=1', file('sound.mp4')]);
    assert.is(await codeOf(sample(file('sound.mp4'))), 'ERR_MEDIA_UNSUPPORTED');
    await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } }).toFile(
      file('p.jpg'),
    );
    copyFileSync(file('p.jpg'), file('picture.mp4'));
    assert.is(await codeOf(sample(file('picture.mp4'))), 'ERR_MEDIA_UNSUPPORTED');
  });

  const scripts = (target: string): Record<string, string> => ({
    'hls.mp4': `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${target}\n#EXT-X-ENDLIST\n`,
    'hls-bom.mp4': `\ufeff#EXTM3U\n#EXTINF:5,\nfile:${target}\n`,
    'hls-http.mkv': '#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n',
    'concat.mp4': `ffconcat version 1.0\nfile '${target}'\n`,
    'dash.mp4': `<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>${target}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    'sdp.mov': 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n',
    'subs.avi': `1\n00:00:00,000 --> 00:00:05,000\n<img src="${target}">\n`,
    'lavfi.mp4': `movie=${target}`,
    'padded.mp4': `\n\n#EXTM3U\n#EXTINF:5,\n${target}\n`,
  });

  test('playlists and scripts under a video name are refused and their targets not opened', async () => {
    const neighbour = file('neighbour.mp4');
    copyFileSync(plain, neighbour);
    for (const [name, text] of Object.entries(scripts(neighbour))) {
      writeFileSync(file(name), text);
      assert.is(await codeOf(sample(file(name))), 'ERR_MEDIA_UNSUPPORTED', name);
      assert.is(await codeOf(probeVideo({ absPath: file(name) })), 'ERR_MEDIA_UNSUPPORTED', name);
    }
  });

  test('a script that got past the sniffer is still refused by what ffmpeg is told', () => {
    // The second line of defence alone: the arguments of a run, with the script as input.
    const neighbour = file('neighbour.mp4');
    const withReal: [string, string | undefined][] = [
      ...Object.entries(scripts(neighbour)),
      ['neighbour.mp4', undefined],
    ];
    for (const [name, text] of withReal) {
      if (text !== undefined) writeFileSync(file(name), text);
      for (const format of ['mov', 'avi'] as const) {
        const args = inputArgs(format, `file:${file(name)}`);
        // Without the forced demuxer, so that ffmpeg guesses, and the white lists have to do it.
        args.splice(args.indexOf('-f'), 2);
        const out = file(`out-${name}-${format}`);
        mkdirSync(out);
        const run = (extra: readonly string[]): void =>
          runFfmpeg([...extra, '-map', '0:V:0', '-frames:v', '1', path.join(out, '%d.jpg')]);
        const isTaken = text === undefined && format === 'mov';
        if (isTaken) run(args);
        else assert.throws(() => run(args), undefined, `${name} as ${format}`);
        assert.equal(readdirSync(out), isTaken ? ['1.jpg'] : [], `${name} as ${format}`);
      }
    }
    // The same arguments did take a real video. And with the fault let in, without the lists, the
    // script does reach its neighbour.
    const open = file('open');
    mkdirSync(open);
    runFfmpeg([
      '-safe',
      '0',
      '-f',
      'concat',
      '-i',
      file('concat.mp4'),
      '-frames:v',
      '1',
      path.join(open, '%d.jpg'),
    ]);
    assert.equal(readdirSync(open), ['1.jpg']);
  });

  test('a run opens its input and nothing else of the media folder', async () => {
    try {
      execFileSync('strace', ['-V'], { stdio: 'ignore' });
    } catch {
      return skip('no strace');
    }
    const trace = file('trace.txt');
    const script = `(async () => { for await (const f of require(${JSON.stringify(path.resolve(__dirname, '../../lib/media'))})
      .sampleVideo({ absPath: ${JSON.stringify(plain)} })) void f; })()`;
    execFileSync('strace', [
      '-f',
      '-e',
      'trace=openat,socket,connect',
      '-o',
      trace,
      process.execPath,
      '-e',
      script,
    ]);
    const lines = readFileSync(trace, 'utf8').split('\n');
    const opened = new Set(
      lines.flatMap((line) => /openat\(AT_FDCWD, "([^"]+)"/.exec(line)?.[1] ?? []),
    );
    assert.equal(
      [...opened].filter((name) => name.startsWith(dir)),
      [plain],
    );
    assert.equal(
      lines.filter((line) => /AF_INET/.test(line)),
      [],
      'no network socket',
    );
  });

  test('file names are names, whatever they look like', async () => {
    const names = [
      'concat:plain.mp4',
      '-vf.mp4',
      '%d.mp4',
      'a\nb.mp4',
      "it's [a] \\ b,c;d=e.mp4",
      'http:x.mp4',
      'pipe:0.mp4',
      `${'n'.repeat(251)}.mp4`,
      ' .mp4',
      '$(touch x).mp4',
      '`x`.mp4',
      '|x.mp4',
      '日本.mp4',
    ];
    for (const name of names) {
      copyFileSync(plain, file(name));
      const frames = await sample(file(name));
      assert.is(frames.length, 6, name);
    }
    assertNothingLeft();
  });

  test('an inherited environment cannot steer ffmpeg', async () => {
    process.env.FFREPORT = `file=${file('report.log')}`;
    try {
      await sample(plain);
    } finally {
      delete process.env.FFREPORT;
    }
    assert.not.ok(readdirSync(dir).includes('report.log'));
  });

  test('a wrong setting is an error with the name of the setting, not a silent other ffmpeg', async () => {
    const script = `require(${JSON.stringify(path.resolve(__dirname, '../../lib/media'))}).findFfmpeg()
      .then((found) => console.log(JSON.stringify(found)), (error) => console.log(error.code + ' ' + error.message))`;
    const run = (env: NodeJS.ProcessEnv): string =>
      execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env });
    assert.match(
      run({ ...process.env, SIGHTLINE_FFMPEG: '/nowhere/ffmpeg' }),
      /ERR_FFMPEG_MISSING SIGHTLINE_FFMPEG/,
    );
    assert.match(
      run({ ...process.env, FFMPEG_PATH: process.execPath }),
      /ERR_FFMPEG_MISSING FFMPEG_PATH/,
    );
    assert.match(run({ PATH: '/nowhere' }), /ERR_FFMPEG_MISSING.*install/);
    assert.match(
      run({ PATH: '/nowhere', SIGHTLINE_FFMPEG: (await findFfmpeg()).ffmpeg }),
      /"version"/,
    );
  });

  test('ffmpeg that dies, hangs, floods or talks nonsense gives a typed error', async () => {
    const fake = (name: string, body: string): string => {
      const script = file(name);
      const answer = 'case "$*" in *-version*) echo "ffmpeg version 5.1.0 fake"; exit 0;; esac';
      writeFileSync(script, `#!/bin/sh\n${answer}\n${body}\n`, { mode: 0o755 });
      return script;
    };
    const media = JSON.stringify(path.resolve(__dirname, '../../lib/media'));
    const run = (setting: string): string =>
      execFileSync(
        process.execPath,
        [
          '-e',
          `(async () => { let n = 0; try { for await (const f of require(${media}).sampleVideo({ absPath: ${JSON.stringify(plain)} })) n++;
          console.log('ok', n); } catch (error) { console.log(error.code, n, error.message); } })()`,
        ],
        { encoding: 'utf8', env: { ...process.env, SIGHTLINE_FFMPEG: setting }, timeout: 60_000 },
      );
    assert.match(run(fake('segv', 'kill -SEGV $$')), /^ERR_MEDIA_DECODE 0/);
    assert.match(run(fake('exit', 'exit 7')), /^ERR_MEDIA_DECODE 0/);
    assert.match(run(fake('silent', 'exit 0')), /^ERR_MEDIA_DECODE 0/);
    assert.match(run(fake('cpu', 'kill -XCPU $$')), /^ERR_MEDIA_LIMIT 0/);
    assert.match(run(fake('nonsense', 'echo nonsense >&3; exit 0')), /^ERR_INTERNAL 0/);
    assert.match(
      run(
        fake(
          'no-jpeg',
          'echo "#tb 0: 1/10" >&3; echo "0, 0, 0, 1, 10, 0x0" >&3; echo 0123456789; exit 0',
        ),
      ),
      /^ERR_INTERNAL 0/,
    );
    assert.match(
      run(fake('huge', 'echo "#tb 0: 1/10" >&3; echo "0, 0, 0, 1, 99999999999, 0x0" >&3; exit 0')),
      /^ERR_MEDIA_LIMIT 0/,
    );
    assert.match(
      run(
        fake('short', 'echo "#tb 0: 1/10" >&3; echo "0, 0, 0, 1, 1000, 0x0" >&3; echo x; exit 0'),
      ),
      /^ERR_MEDIA_DECODE 0/,
    );
    assert.match(run(fake('log', 'yes "[error] complaint" >&2')), /^ERR_MEDIA_LIMIT 0/);
    assert.match(run(fake('index', 'tr "\\0" x < /dev/zero >&3')), /^ERR_/);
  });
}

void main().then(() => test.run());
