/**
 * Signed distance functions of the shapes, negative inside. Every shape fits the unit circle; y points
 * down. The proportions differ from those of the SVG renderer on purpose.
 */
import type { Shape } from '../vocabulary';

type Point = readonly [number, number];

const TRIANGLE: readonly Point[] = [[0, -0.92], [0.9, 0.66], [-0.9, 0.66]]; // prettier-ignore
const SQUARE: readonly Point[] = [[-0.72, -0.72], [0.72, -0.72], [0.72, 0.72], [-0.72, 0.72]]; // prettier-ignore
const DIAMOND: readonly Point[] = [[0, -0.96], [0.72, 0], [0, 0.96], [-0.72, 0]]; // prettier-ignore
const ARROW: readonly Point[] = [[-0.9, -0.22], [0.18, -0.22], [0.18, -0.64], [0.95, 0], [0.18, 0.64], [0.18, 0.22], [-0.9, 0.22]]; // prettier-ignore
const HEART_TIP: readonly Point[] = [[-0.87, -0.06], [0, -0.3], [0.87, -0.06], [0, 0.92]]; // prettier-ignore
const STAR = starPoints();

export function signedDistance(shape: Shape, u: number, v: number): number {
  switch (shape) {
    case 'circle':
      return Math.hypot(u, v) - 0.9;
    case 'square':
      return polygon(SQUARE, u, v);
    case 'triangle':
      return polygon(TRIANGLE, u, v);
    case 'star':
      return polygon(STAR, u, v);
    case 'heart': {
      const lobe = Math.hypot(Math.abs(u) - 0.46, v + 0.36) - 0.5;
      return Math.min(lobe, polygon(HEART_TIP, u, v));
    }
    case 'cross': {
      const upright = Math.max(Math.abs(u) - 0.27, Math.abs(v) - 0.9);
      const level = Math.max(Math.abs(u) - 0.9, Math.abs(v) - 0.27);
      return Math.min(upright, level);
    }
    case 'diamond':
      return polygon(DIAMOND, u, v);
    case 'ring':
      return Math.abs(Math.hypot(u, v) - 0.7) - 0.2;
    case 'crescent':
      return Math.max(Math.hypot(u, v) - 0.93, 0.74 - Math.hypot(u - 0.42, v));
    case 'arrow':
      return polygon(ARROW, u, v);
  }
}

/** Distance to the nearest edge; its sign by the even-odd rule. */
function polygon(points: readonly Point[], u: number, v: number): number {
  let nearest = Infinity;
  let isInside = false;
  for (let i = 0; i < points.length; i++) {
    const [ax, ay] = points[i] as Point;
    const [bx, by] = points[(i + 1) % points.length] as Point;
    const ex = bx - ax;
    const ey = by - ay;
    const along = ((u - ax) * ex + (v - ay) * ey) / (ex * ex + ey * ey);
    const t = Math.min(1, Math.max(0, along));
    nearest = Math.min(nearest, Math.hypot(u - ax - t * ex, v - ay - t * ey));
    if (ay > v !== by > v && u < ax + ((v - ay) / ey) * ex) isInside = !isInside;
  }
  return isInside ? -nearest : nearest;
}

function starPoints(): Point[] {
  return Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 === 0 ? 0.97 : 0.46;
    const angle = (Math.PI * i) / 5 - Math.PI / 2;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
}
