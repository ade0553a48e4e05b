/** SVG plots of search curves, logarithmic in 1 - recall and in queries per second. */
import { frontier, type Curve } from './curves';

const WIDTH = 760;
const HEIGHT = 440;
const BOX = { left: 70, right: 190, top: 48, bottom: 56 };
/** Higher recall is drawn at the edge. */
const MOST = 0.9998;
const COLOURS = ['#c2255c', '#1971c2', '#2f9e44', '#e8590c', '#7048e8', '#0c8599', '#5c5f66'];
const RECALL_TICKS = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995];

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const digits = (value: number): string => value.toFixed(1);

interface Scale {
  x(recall: number): number;
  y(qps: number): number;
}

function scaleOf(curves: readonly Curve[]): Scale & { low: number; high: number; worst: number } {
  const all = curves.flatMap(({ points }) => points);
  const rates = all.map(({ qps }) => qps);
  const low = Math.min(...rates) / 1.3;
  const high = Math.max(...rates) * 1.3;
  const worst = Math.max(0.5, Math.min(...all.map(({ recall }) => recall)) - 0.02);
  const nines = (recall: number): number => -Math.log10(1 - Math.min(recall, MOST));
  const across = (recall: number): number =>
    (nines(Math.max(recall, worst)) - nines(worst)) / (nines(MOST) - nines(worst));
  return {
    low,
    high,
    worst,
    x: (recall) => BOX.left + across(recall) * (WIDTH - BOX.left - BOX.right),
    y: (qps) =>
      HEIGHT -
      BOX.bottom -
      (Math.log(qps / low) / Math.log(high / low)) * (HEIGHT - BOX.top - BOX.bottom),
  };
}

/** 1, 2 and 5 times powers of ten. */
function rateTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    ticks.push(...[1, 2, 5].map((step) => step * power));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${digits(x)}" y="${digits(y)}" ${more}>${escape(content)}</text>`;
const line = (x1: number, y1: number, x2: number, y2: number): string =>
  `<path class="grid" d="M${digits(x1)} ${digits(y1)}L${digits(x2)} ${digits(y2)}"/>`;

function grid(scale: ReturnType<typeof scaleOf>): string[] {
  const [right, bottom] = [WIDTH - BOX.right, HEIGHT - BOX.bottom];
  const recalls = RECALL_TICKS.filter((recall) => recall >= scale.worst).flatMap((recall) => [
    line(scale.x(recall), BOX.top, scale.x(recall), bottom),
    text(scale.x(recall), bottom + 18, String(recall), 'text-anchor="middle"'),
  ]);
  const rates = rateTicks(scale.low, scale.high).flatMap((rate) => [
    line(BOX.left, scale.y(rate), right, scale.y(rate)),
    text(BOX.left - 8, scale.y(rate) + 4, rate.toLocaleString('en'), 'text-anchor="end"'),
  ]);
  return [...recalls, ...rates];
}

/** A complete document. The first curve is drawn thicker and on top. */
export function plotCurves(title: string, subtitle: string, curves: readonly Curve[]): string {
  const drawn = curves
    .map((curve, i) => ({ ...curve, points: frontier(curve.points), colour: COLOURS[i % 7] }))
    .filter(({ points }) => points.length > 0);
  const scale = scaleOf(drawn);
  const lines = drawn.map(({ points, colour }, i) => {
    const places = points.map(({ recall, qps }) => [scale.x(recall), scale.y(qps)] as const);
    const path = places.map(([x, y]) => `${digits(x)} ${digits(y)}`).join('L');
    const dots = places.map(
      ([x, y]) => `<circle cx="${digits(x)}" cy="${digits(y)}" r="${i === 0 ? 3.5 : 2.5}"/>`,
    );
    return `<g fill="${colour}"><path d="M${path}" fill="none" stroke="${colour}" stroke-width="${i === 0 ? 3 : 1.6}"/>${dots.join('')}</g>`;
  });
  const legend = drawn.map(({ name, colour }, i) => {
    const y = BOX.top + 14 + i * 22;
    const x = WIDTH - BOX.right + 16;
    return (
      `<path d="M${x} ${y - 4}h20" stroke="${colour}" stroke-width="${i === 0 ? 4 : 2}"/>` +
      text(x + 28, y, name, i === 0 ? 'font-weight="bold"' : '')
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#212529" role="img">`,
    `<title>${escape(title)}</title>`,
    '<style>.grid{stroke:#e9ecef;stroke-width:1}</style>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(BOX.left, 22, title, 'font-size="15" font-weight="bold"'),
    text(BOX.left, 39, subtitle, 'fill="#5c5f66"'),
    ...grid(scale),
    ...lines.reverse(),
    ...legend,
    text((BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 14, 'recall', 'text-anchor="middle"'),
    text(
      18,
      HEIGHT / 2,
      'queries per second',
      `transform="rotate(-90 18 ${HEIGHT / 2})" text-anchor="middle"`,
    ),
    '</svg>',
    '',
  ].join('\n');
}
