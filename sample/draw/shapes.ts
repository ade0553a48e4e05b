/** Outlines of the shapes for the SVG renderer. Every shape fits the unit circle; y points down. */
import type { Shape } from '../vocabulary';

/** SVG path data; filled with the even-odd rule. */
export const SHAPE_PATHS: Readonly<Record<Shape, string>> = {
  circle: circlePath(0.94),
  square: 'M-.76 -.76H.76V.76H-.76Z',
  triangle: 'M0 -.98L.95 .74H-.95Z',
  star: starPath(5, 1, 0.42),
  heart:
    'M0 .95C-.5 .55 -1 .15 -1 -.35C-1 -.95 -.25 -1.05 0 -.45C.25 -1.05 1 -.95 1 -.35C1 .15 .5 .55 0 .95Z',
  cross: 'M-.31 -.95H.31V-.31H.95V.31H.31V.95H-.31V.31H-.95V-.31H-.31Z',
  diamond: 'M0 -1L.8 0L0 1L-.8 0Z',
  ring: `${circlePath(0.96)}${circlePath(0.5)}`,
  crescent: 'M.45 -.87A.98 .98 0 1 0 .45 .87A.78 .78 0 1 1 .45 -.87Z',
  arrow: 'M-.95 -.26H.1V-.72L.98 0L.1 .72V.26H-.95Z',
};

function circlePath(r: number): string {
  return `M${-r} 0A${r} ${r} 0 1 1 ${r} 0A${r} ${r} 0 1 1 ${-r} 0Z`;
}

function starPath(points: number, outer: number, inner: number): string {
  const steps: string[] = [];
  for (let i = 0; i < points * 2; i++) {
    const radius = i % 2 === 0 ? outer : inner;
    const angle = (Math.PI * i) / points - Math.PI / 2;
    steps.push(`${(radius * Math.cos(angle)).toFixed(3)} ${(radius * Math.sin(angle)).toFixed(3)}`);
  }
  return `M${steps.join('L')}Z`;
}
