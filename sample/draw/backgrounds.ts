/** Backgrounds as SVG: plain colours, gradients and eight textures. The shorter side is 100 units. */
import type { Random } from '../random';
import { BACKGROUND_RGB, type Background, type Rgb } from '../vocabulary';

/** `rgb(...)` with up to `spread` of random variation per channel. */
export function rgbText(random: Random, rgb: Rgb, spread: number, shift = 0): string {
  const channels = rgb.map((value) => {
    const moved = value + shift + random.range(-spread, spread);
    return Math.round(Math.min(255, Math.max(0, moved)));
  });
  return `rgb(${channels.join(',')})`;
}

export function backgroundSvg(
  random: Random,
  background: Background,
  width: number,
  height: number,
): string {
  const rgb = BACKGROUND_RGB[background];
  const box = (fill: string): string =>
    `<rect width="${width}" height="${height}" fill="${fill}"/>`;
  const slope = (top: string, bottom: string): string =>
    `<linearGradient id="bg" x1="0" y1="0" x2="${random.range(-0.2, 0.2).toFixed(2)}" y2="1">` +
    `<stop offset="0" stop-color="${top}"/><stop offset="1" stop-color="${bottom}"/>` +
    `</linearGradient>${box('url(#bg)')}`;
  const area = (width * height) / 10000;
  const many = (n: number, draw: () => string): string =>
    Array.from({ length: Math.round(n * area) }, draw).join('');
  const x = (): string => random.range(0, width).toFixed(1);
  const y = (): string => random.range(0, height).toFixed(1);

  switch (background) {
    case 'grass':
      return (
        box(rgbText(random, rgb, 8)) +
        many(90, () => {
          const shade = rgbText(random, rgb, 6, random.chance(0.5) ? 26 : -26);
          const lean = random.range(-1.5, 1.5).toFixed(1);
          const tall = random.range(3, 6).toFixed(1);
          return `<path d="M${x()} ${y()}l${lean} -${tall}" stroke="${shade}" stroke-width="1"/>`;
        })
      );
    case 'sky':
      return (
        slope(rgbText(random, rgb, 8, -30), rgbText(random, rgb, 8, 18)) +
        many(3.2, () => {
          const size = random.range(7, 14);
          const opacity = random.range(0.5, 0.85).toFixed(2);
          return (
            `<g fill="white" opacity="${opacity}" transform="translate(${x()} ${y()})">` +
            `<ellipse rx="${size.toFixed(1)}" ry="${(size * 0.36).toFixed(1)}"/>` +
            `<ellipse cx="${(size * 0.35).toFixed(1)}" cy="-2" rx="${(size * 0.5).toFixed(1)}" ` +
            `ry="${(size * 0.38).toFixed(1)}"/></g>`
          );
        })
      );
    case 'night':
      return (
        slope(rgbText(random, rgb, 6, -8), rgbText(random, rgb, 8, 14)) +
        many(30, () => {
          const r = random.range(0.35, 0.95).toFixed(2);
          return `<circle cx="${x()}" cy="${y()}" r="${r}" fill="rgb(240,240,225)"/>`;
        })
      );
    case 'sand':
      return (
        box(rgbText(random, rgb, 8)) +
        many(80, () => {
          const shade = rgbText(random, rgb, 5, random.chance(0.6) ? -30 : 20);
          const r = random.range(0.3, 0.8).toFixed(2);
          return `<circle cx="${x()}" cy="${y()}" r="${r}" fill="${shade}"/>`;
        })
      );
    case 'wood': {
      const plank = random.range(13, 22);
      let lines = box(rgbText(random, rgb, 8));
      for (let top = random.range(-plank, 0); top < height; top += plank) {
        const shade = rgbText(random, rgb, 6, random.range(-14, 14));
        lines += `<rect y="${top.toFixed(1)}" width="${width}" height="${plank.toFixed(1)}" fill="${shade}" stroke="rgb(96,60,32)" stroke-width=".9"/>`;
        const grain = (top + plank * random.range(0.3, 0.7)).toFixed(1);
        lines += `<path d="M0 ${grain}q${width / 4} 3 ${width / 2} 0t${width / 2} 0" fill="none" stroke="rgb(128,84,48)" stroke-width=".6"/>`;
      }
      return lines;
    }
    case 'snow':
      return (
        slope(rgbText(random, rgb, 5, -14), rgbText(random, rgb, 4, 8)) +
        many(34, () => {
          const r = random.range(0.5, 1.3).toFixed(2);
          const fill = random.chance(0.5) ? 'white' : 'rgb(186,204,228)';
          return `<circle cx="${x()}" cy="${y()}" r="${r}" fill="${fill}"/>`;
        })
      );
    case 'water': {
      const step = random.range(8, 13);
      let waves = slope(rgbText(random, rgb, 7, 10), rgbText(random, rgb, 7, -12));
      for (let top = random.range(0, step); top < height; top += step) {
        const start = random.range(-16, 0).toFixed(1);
        const swell = Array.from({ length: Math.ceil((width + 16) / 16) }, () => 't8 0t8 0').join(
          '',
        );
        waves += `<path d="M${start} ${top.toFixed(1)}q4 -3 8 0${swell}" fill="none" stroke="rgb(128,186,220)" stroke-width="1"/>`;
      }
      return waves;
    }
    case 'brick': {
      const tall = random.range(8, 11);
      const long = tall * 2.2;
      let wall = box('rgb(202,190,180)');
      for (let row = 0; row * tall < height; row++) {
        for (let left = row % 2 === 0 ? 0 : -long / 2; left < width; left += long) {
          const shade = rgbText(random, rgb, 7, random.range(-12, 12));
          wall += `<rect x="${(left + 0.6).toFixed(1)}" y="${(row * tall + 0.6).toFixed(1)}" width="${(long - 1.2).toFixed(1)}" height="${(tall - 1.2).toFixed(1)}" fill="${shade}"/>`;
        }
      }
      return wall;
    }
    default:
      return random.chance(0.35)
        ? slope(rgbText(random, rgb, 5, 8), rgbText(random, rgb, 5, -12))
        : box(rgbText(random, rgb, 6));
  }
}
