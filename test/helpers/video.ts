/** Test videos made on the spot by ffmpeg, and what ffprobe says of them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface Probe {
  packets: { pts_time: string; flags: string }[];
  format: { start_time: string };
}

/** Presentation times of the first real video stream, from the start of the media, sorted. */
export function probeTimes(ffprobe: string, file: string, keyframes = false): number[] {
  const args = ['-v', 'error', '-select_streams', 'V:0', '-of', 'json'];
  args.push('-show_entries', 'packet=pts_time,flags:format=start_time', `file:${file}`);
  const probe = JSON.parse(execFileSync(ffprobe, args, { encoding: 'utf8' })) as Probe;
  const start = Number(probe.format.start_time);
  return probe.packets
    .filter((packet) => !keyframes || packet.flags.includes('K'))
    .map((packet) => Number(packet.pts_time) - start)
    .sort((a, b) => a - b);
}

/** Processes whose command line has `part`, by /proc; undefined on systems without it. */
export function processesWith(part: string): number[] | undefined {
  if (!existsSync('/proc/self/cmdline')) return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(part);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Children of this process, by /proc; undefined on systems without it. */
export function childrenOfSelf(): number[] | undefined {
  const file = `/proc/${process.pid}/task/${process.pid}/children`;
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Open descriptors of this process that are plain files below `dir`. */
export function openFilesBelow(dir: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(dir) ? [target] : [];
    } catch {
      return [];
    }
  });
}
