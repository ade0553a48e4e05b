/**
 * Parses the description of a file in ffmpeg's log, which saves a run of ffprobe per video. Metadata values,
 * which a file's author controls, are distinguished by their deeper indentation.
 */
import { describeTrack, type FilmTrack, type Shape } from './film-track';

export interface VideoHeader {
  durationSeconds: number | null;
  capturedAt: string | null;
  /** Streams of any kind. */
  streams: number;
}

/** Log lines kept for messages; a damaged file can cause thousands. */
const MOST_COMPLAINTS = 8;
/** A child with a longer log is killed. */
export const MOST_LOG_BYTES = 64 * 1024 * 1024;

export class FfmpegLog {
  readonly header: VideoHeader = { durationSeconds: null, capturedAt: null, streams: 0 };
  /** Video streams in the order of the file, including covers. */
  readonly tracks: FilmTrack[] = [];
  /** The first errors, without ffmpeg's prefixes. */
  readonly complaints: string[] = [];
  /** True once the input is open. */
  isOpened = false;
  /** True once the description is complete. */
  isDescribed = false;
  /** Of all lines except those per frame. */
  bytes = 0;
  private rest = '';
  private track: FilmTrack | undefined;

  /** @param onShape  called for each selected frame, in order (`showinfo`) */
  constructor(private readonly onShape: (shape: Shape) => void = () => undefined) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    // Bounds the length of a line.
    this.rest = (lines.pop() ?? '').slice(0, 4096);
    for (const line of lines) this.line(line);
  }

  private line(raw: string): void {
    const [, prefix = '', text = ''] = /^((?:\[[^\]]*\] )*)(.*)$/.exec(raw) ?? [];
    if (prefix.startsWith('[Parsed_showinfo') || prefix.startsWith('[showinfo')) {
      const shape = /^n: *\d+ pts:.* sar:(\d+)\/(\d+) s:(\d+)x(\d+) /.exec(text);
      if (shape !== null) this.onShape(shapeOf(shape.slice(1).map(Number)));
      return;
    }
    this.bytes += raw.length;
    if (/\[(error|fatal|panic)\] $/.test(prefix)) {
      if (this.complaints.length < MOST_COMPLAINTS) this.complaints.push(text.trim());
      return;
    }
    if (this.isDescribed) return;
    if (/^Input #0/.test(text)) this.isOpened = true;
    else if (/^(Stream mapping:|Output #0)/.test(text)) this.isDescribed = true;
    else if (this.isOpened) this.describe(text);
  }

  private describe(text: string): void {
    const { header } = this;
    const duration = /^ {2}Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(text);
    if (duration !== null) {
      const [, hours, minutes, seconds] = duration;
      header.durationSeconds = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
      return;
    }
    const stream = /^ {2}Stream #0:(\d+)\S*: (\w+): (.*)$/.exec(text);
    if (stream !== null) {
      header.streams++;
      this.track =
        stream[2] === 'Video' ? describeTrack(Number(stream[1]), stream[3] ?? '') : undefined;
      if (this.track !== undefined) this.tracks.push(this.track);
      return;
    }
    // Under the file or its streams; the first creation time is the file's.
    const created = /^ {4,6}creation_time {3}: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)/.exec(text);
    if (created !== null) {
      // QuickTime counts from 1904; an unset clock shows as that year.
      if (!(created[1] ?? '').startsWith('1904')) header.capturedAt ??= `${created[1]}Z`;
    }
    if (this.track === undefined) return;
    const rotation = /^ {6}displaymatrix: rotation of (-?[\d.]+) degrees/.exec(text);
    if (rotation !== null)
      // ffmpeg counts counter-clockwise.
      this.track.rotation = (((Math.round(-Number(rotation[1]) / 90) * 90) % 360) + 360) % 360;
    if (/^ {6}(Mastering Display|Content Light Level) Metadata/.test(text))
      this.track.hasLightLevels = true;
  }
}

function shapeOf([across = 1, down = 1, width = 0, height = 0]: readonly number[]): Shape {
  return { width, height, pixelAspect: across > 0 && down > 0 ? across / down : 1 };
}
