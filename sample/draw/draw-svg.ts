/**
 * Draws a scene as SVG, for the training set and the sample library. The shorter side of the view box is
 * 100. The scene's seed decides details that no caption mentions: shade, outline, shadow, stripe angle.
 */
import { backgroundSvg, rgbText } from './backgrounds';
import { Random } from '../random';
import type { Item, ObjectGroup, Scene } from '../scene';
import { SHAPE_PATHS } from './shapes';
import { COLOUR_RGB, SECOND_RGB } from '../vocabulary';

/**
 * @param width, height  of the `<svg>` element; the picture is stretched to their aspect ratio
 * @returns a complete SVG document
 */
export function drawSvg(scene: Scene, width: number, height: number): string {
  const random = new Random(scene.seed ^ 0x5eed);
  const boxWidth = 100 * Math.max(1, scene.aspect);
  const boxHeight = 100 * Math.max(1, 1 / scene.aspect);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${boxWidth.toFixed(3)} ${boxHeight.toFixed(3)}" preserveAspectRatio="none">`,
    backgroundSvg(random.fork(), scene.background, boxWidth, boxHeight),
  ];
  scene.groups.forEach((group, index) => {
    parts.push(groupSvg(random.fork(), group, `g${index}`, boxWidth, boxHeight));
  });
  parts.push('</svg>');
  return parts.join('');
}

function groupSvg(
  random: Random,
  group: ObjectGroup,
  id: string,
  boxWidth: number,
  boxHeight: number,
): string {
  const base = COLOUR_RGB[group.colour];
  const main = rgbText(random, base, 12);
  const second = rgbText(random, SECOND_RGB[group.colour], 8);
  let fill = main;
  let defs = '';
  if (group.pattern !== 'solid') {
    defs = patternSvg(random, group, id, main, second);
    fill = `url(#${id})`;
  } else if (random.chance(0.25)) {
    const light = rgbText(random, base, 8, 26);
    const dark = rgbText(random, base, 8, -22);
    defs =
      `<linearGradient id="${id}" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="${light}"/>` +
      `<stop offset="1" stop-color="${dark}"/></linearGradient>`;
    fill = `url(#${id})`;
  }
  const outline = random.chance(0.3)
    ? ` stroke="${rgbText(random, base, 5, group.colour === 'black' ? 40 : -55)}" stroke-width=".09"`
    : '';
  const path = SHAPE_PATHS[group.shape];
  const hasShadow = random.chance(0.22);
  const at = (item: Item, dx: number, dy: number): string => {
    const x = (item.x * boxWidth + dx).toFixed(2);
    const y = (item.y * boxHeight + dy).toFixed(2);
    const radius = (item.radius * 100).toFixed(2);
    return `transform="translate(${x} ${y}) rotate(${item.rotation.toFixed(1)}) scale(${radius})"`;
  };
  const drawn = group.items.map((item) => {
    const shadow = hasShadow
      ? `<path d="${path}" ${at(item, 1.2, 1.6)} fill="black" opacity=".28" fill-rule="evenodd"/>`
      : '';
    return `${shadow}<path d="${path}" ${at(item, 0, 0)} fill="${fill}" fill-rule="evenodd"${outline}/>`;
  });
  return `<defs>${defs}</defs>${drawn.join('')}`;
}

/** A pattern in the shape's units, coarser on small items so that it is visible at 64 pixels. */
function patternSvg(
  random: Random,
  group: ObjectGroup,
  id: string,
  main: string,
  second: string,
): string {
  const isSmall = (group.items[0]?.radius ?? 1) < 0.13;
  const step = (isSmall ? 0.66 : group.size === 'large' ? 0.4 : 0.5) * random.range(0.92, 1.1);
  const open = (angle: number): string =>
    `<pattern id="${id}" patternUnits="userSpaceOnUse" width="${step.toFixed(3)}" ` +
    `height="${step.toFixed(3)}" patternTransform="rotate(${angle.toFixed(0)})">` +
    `<rect width="${step.toFixed(3)}" height="${step.toFixed(3)}" fill="${main}"/>`;
  switch (group.pattern) {
    case 'striped': {
      const angle = random.pick([0, 45, 90, 135]) + random.range(-8, 8);
      return `${open(angle)}<rect width="${(step * 0.44).toFixed(3)}" height="${step.toFixed(3)}" fill="${second}"/></pattern>`;
    }
    case 'spotted': {
      const r = step * 0.3;
      const half = step / 2;
      return `${open(random.range(20, 50))}<circle cx="${half.toFixed(3)}" cy="${half.toFixed(3)}" r="${r.toFixed(3)}" fill="${second}"/></pattern>`;
    }
    default: {
      const cell = (step / 2).toFixed(3);
      return `${open(random.range(-6, 6))}<path d="M0 0H${cell}V${cell}H0ZM${cell} ${cell}h${cell}v${cell}h-${cell}Z" fill="${second}"/></pattern>`;
    }
  }
}
