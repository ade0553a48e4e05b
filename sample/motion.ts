/**
 * Films: lists of shots, each a scene whose items sway and drift. A caption of the scene is true of every
 * frame of its shot.
 */
import { makeError } from '../lib/base/errors';
import { Random } from './random';
import { randomScene, type Scene, type SceneOptions } from './scene';

export interface Shot {
  readonly scene: Scene;
  readonly durationSeconds: number;
}

export interface Film {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly shots: readonly Shot[];
}

export interface FilmOptions extends Pick<SceneOptions, 'split'> {
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  /** Number of shots; default 3..5 at random. */
  readonly shots?: number;
}

/** A random film of 6 to 10 seconds. */
export function randomFilm(seed: number, options: FilmOptions = {}): Film {
  const random = new Random(seed);
  const { width = 320, height = 240, framesPerSecond = 12 } = options;
  const total = options.shots ?? 3 + random.int(3);
  const whole = random.range(6.5, 9.5);
  const shots = Array.from({ length: total }, () => ({
    scene: randomScene(random.int(2 ** 32), {
      split: options.split ?? 'any',
      aspect: width / height,
    }),
    durationSeconds: Math.round((whole / total) * framesPerSecond) / framesPerSecond,
  }));
  return { width, height, framesPerSecond, shots };
}

export function filmSeconds(film: Film): number {
  return film.shots.reduce((sum, shot) => sum + shot.durationSeconds, 0);
}

export function filmFrames(film: Film): number {
  return Math.round(filmSeconds(film) * film.framesPerSecond);
}

/**
 * The scene at a timestamp, with its items moved.
 *
 * @param timestamp  seconds from the start, 0 <= timestamp < filmSeconds(film)
 * @throws ERR_ARG_RANGE
 */
export function sceneAt(film: Film, timestamp: number): Scene {
  let start = 0;
  for (const shot of film.shots) {
    // 0.0005: sums of durations are rounded, timestamps of frames are not.
    if (timestamp >= start && timestamp < start + shot.durationSeconds - 0.0005) {
      return moved(shot.scene, timestamp - start);
    }
    start += shot.durationSeconds;
  }
  throw makeError('ERR_ARG_RANGE', `timestamp ${timestamp} is not within 0..${start} seconds`);
}

/** The scene `seconds` after its shot began; at 0 unchanged. */
export function moved(scene: Scene, seconds: number): Scene {
  const random = new Random(scene.seed ^ 0x30710);
  const groups = scene.groups.map((group) => {
    const phase = random.range(0.6, 1.4);
    // Groups are at least 0.02 of the shorter side apart, so two that sway never touch.
    const reach = scene.groups.length > 1 ? 0.009 : 0.03;
    const dx = reach * Math.sin(seconds * 2.1 * phase);
    const dy = reach * Math.sin(seconds * 2.9 * phase);
    const turn = 5 * Math.sin(seconds * 3.3 * phase);
    const items = group.items.map((item) => ({
      ...item,
      x: inside(item.x + dx / Math.max(1, scene.aspect)),
      y: inside(item.y + dy / Math.max(1, 1 / scene.aspect)),
      rotation: item.rotation + turn,
    }));
    return { ...group, items };
  });
  return { ...scene, groups };
}

function inside(fraction: number): number {
  return Math.min(0.98, Math.max(0.02, fraction));
}
