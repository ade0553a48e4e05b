/**
 * Reads what ffmpeg says about a file on its log: the same run that decodes also describes, which
 * saves a process per video. Lines of the description are told from metadata by their indentation:
 * values, which a file's author controls, always stand deeper.
 */

export interface VideoHeader {
  durationSeconds: number | null;
  /** As stored, before rotation and pixel aspect. */
  width: number;
  height: number;
  /** Width of a pixel by its height. */
  pixelAspect: number;
  /** Degrees to turn clockwise for display: 0, 90, 180 or 270. */
  rotation: number;
  codec: string | null;
  fps: number | null;
  capturedAt: string | null;
  /** Streams of any kind. */
  streams: number;
}

/** Log lines kept for messages; a broken file can make thousands. */
const MOST_COMPLAINTS = 8;
/** A log this long is an attack or a defect; the child is stopped. */
export const MOST_LOG_BYTES = 64 * 1024 * 1024;

export class FfmpegLog {
  readonly header: VideoHeader = {
    durationSeconds: null,
    width: 0,
    height: 0,
    pixelAspect: 1,
    rotation: 0,
    codec: null,
    fps: null,
    capturedAt: null,
    streams: 0,
  };
  /** The first errors, as ffmpeg words them, without its prefixes. */
  readonly complaints: string[] = [];
  /** True once the input could be opened. */
  isOpened = false;
  /** True once the description is complete. */
  isDescribed = false;
  bytes = 0;
  private rest = '';
  private inVideoStream = false;

  push(chunk: string): void {
    this.bytes += chunk.length;
    const lines = (this.rest + chunk).split('\n');
    // One line cannot be made to grow without end.
    this.rest = (lines.pop() ?? '').slice(0, 4096);
    for (const line of lines) this.line(line);
  }

  private line(raw: string): void {
    const [, prefix = '', text = ''] = /^((?:\[[^\]]*\] )*)(.*)$/.exec(raw) ?? [];
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
    const stream = /^ {2}Stream #0:\d+\S*: (\w+): (.*)$/.exec(text);
    if (stream !== null) {
      header.streams++;
      this.inVideoStream =
        stream[1] === 'Video' && header.codec === null && !/\(attached pic\)/.test(text);
      if (this.inVideoStream) this.describeVideo(stream[2] ?? '');
      return;
    }
    // Both stand below the file or its streams; the first creation time is the file's.
    const created = /^ {4,6}creation_time {3}: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)/.exec(text);
    if (created !== null) {
      // QuickTime counts from 1904; an unset clock shows as that year.
      if (!(created[1] ?? '').startsWith('1904')) header.capturedAt ??= `${created[1]}Z`;
    }
    const rotation = /^ {6}displaymatrix: rotation of (-?[\d.]+) degrees/.exec(text);
    if (rotation !== null && this.inVideoStream)
      // ffmpeg counts counter-clockwise.
      header.rotation = (((Math.round(-Number(rotation[1]) / 90) * 90) % 360) + 360) % 360;
  }

  private describeVideo(text: string): void {
    const { header } = this;
    header.codec = /^(\w+)/.exec(text)?.[1] ?? null;
    // A size stands between commas; `0x31637661` in a codec tag does not.
    const size = /, (\d+)x(\d+)(?: \[SAR (\d+):(\d+) DAR \d+:\d+\])?(?:,|$)/.exec(text);
    if (size !== null) {
      header.width = Number(size[1]);
      header.height = Number(size[2]);
      const [across, down] = [Number(size[3] ?? 1), Number(size[4] ?? 1)];
      header.pixelAspect = across > 0 && down > 0 ? across / down : 1;
    }
    const fps = /, ([\d.]+)(k?) fps/.exec(text);
    if (fps !== null) header.fps = Number(fps[1]) * (fps[2] === 'k' ? 1000 : 1);
  }
}

/** Size for display: pixels made square, then turned. */
export function uprightSize(header: VideoHeader): { width: number; height: number } {
  const width = Math.round(header.width * header.pixelAspect);
  return header.rotation % 180 === 0
    ? { width, height: header.height }
    : { width: header.height, height: width };
}
