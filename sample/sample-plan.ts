/** Which scene goes into which file of the sample library. Pure: the ground truth of demo and tests. */
import { randomFilm, type Film } from './motion';
import { Random } from './random';
import type { PictureFormat } from './draw/render';
import { randomScene, type Scene } from './scene';
import { BACKGROUNDS, type Background } from './vocabulary';

export interface SamplePicture {
  /** Relative to the library's folder, with `/`. */
  readonly path: string;
  readonly scene: Scene;
  readonly format: PictureFormat;
  /** Pixels of the shorter side. */
  readonly side: number;
}

export interface SampleVideo {
  readonly path: string;
  readonly film: Film;
  readonly codec: 'h264' | 'vp9';
}

export interface SamplePlan {
  readonly pictures: readonly SamplePicture[];
  readonly videos: readonly SampleVideo[];
}

/** Folder and file name by background: they must not tell what is in the picture. */
const ALBUMS: Readonly<Record<Background, readonly [folder: string, name: string]>> = {
  white: ['studio', 'white paper'],
  black: ['studio', 'black paper'],
  gray: ['studio', 'gray paper'],
  green: ['cards', 'green card'],
  blue: ['cards', 'blue card'],
  yellow: ['cards', 'yellow card'],
  pink: ['cards', 'pink card'],
  grass: ['garden', 'lawn'],
  brick: ['garden', 'wall'],
  sky: ['holiday', 'sky'],
  sand: ['holiday', 'beach'],
  water: ['holiday', 'sea'],
  night: ['winter', 'evening'],
  snow: ['winter', 'snow'],
  wood: ['home', 'table'],
};

/** Deterministic in its arguments. */
export function samplePlan(seed: number, pictures: number, videos: number): SamplePlan {
  const random = new Random(seed);
  const numbers = new Map<Background, number>();
  return {
    pictures: Array.from({ length: pictures }, (_, i) => {
      // In turn, so that every album has pictures.
      const background = BACKGROUNDS[i % BACKGROUNDS.length] as Background;
      const scene = randomScene(random.int(2 ** 32), { background });
      const format = random.weighted<PictureFormat>([['jpeg', 6], ['png', 2], ['webp', 2]]); // prettier-ignore
      const number = (numbers.get(background) ?? 0) + 1;
      numbers.set(background, number);
      const [folder, name] = ALBUMS[background];
      const extension = format === 'jpeg' ? 'jpg' : format;
      return {
        path: `${folder}/${name} ${String(number).padStart(3, '0')}.${extension}`,
        scene,
        format,
        side: random.pick([240, 288, 360]),
      };
    }),
    videos: Array.from({ length: videos }, (_, i) => {
      const codec = i % 2 === 0 ? 'h264' : 'vp9';
      const extension = codec === 'h264' ? 'mp4' : 'webm';
      return {
        path: `videos/clip ${String(i + 1).padStart(2, '0')}.${extension}`,
        film: randomFilm(random.int(2 ** 32)),
        codec,
      };
    }),
  };
}
