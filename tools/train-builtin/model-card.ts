/** Writes the model card of the built-in model. */
import { BACKGROUNDS, COLOURS, COUNTS, isHeldOut, PATTERNS, SHAPES, SIZES } from '../../sample';
import type { RecallReport, StyleReport } from './exam';

export interface Figures {
  readonly heldOut: RecallReport;
  readonly otherStyle: StyleReport;
  /** Largest difference of one component between PyTorch and the exported graphs. */
  readonly parity?: number;
  /** Bytes of the model folder without this card. */
  readonly bytes: number;
  readonly training?: {
    readonly steps: number;
    readonly minutes: number;
    readonly threads: number;
  };
}

export function modelCard(figures: Figures): string {
  const { heldOut, otherStyle, parity, training } = figures;
  let out = 0;
  for (const colour of COLOURS)
    for (const shape of SHAPES)
      for (const pattern of PATTERNS) if (isHeldOut(colour, shape, pattern)) out++;
  const total = COLOURS.length * SHAPES.length * PATTERNS.length;
  const list = (words: readonly (string | number)[]): string => words.join(', ');
  const trained =
    training === undefined
      ? ''
      : `| training | ${training.steps} steps of 256 pictures, ${Math.round(training.minutes)} minutes on ${training.threads} ${training.threads === 1 ? 'core' : 'cores'} |\n`;
  return `# builtin

A small CLIP: two towers that put pictures and texts into one space of 256 dimensions. It exists so
that the demo, the tests and a first try need no download. It was trained from nothing, only on
pictures that \`sample/\` draws; no photograph and no other model took part.

## What it knows

- colours: ${list(COLOURS)}
- shapes: ${list(SHAPES)}
- patterns: ${list(PATTERNS)}
- sizes: ${list(SIZES)}; counts: ${list(COUNTS)}
- places: left, centre, right, top, middle, bottom and the corners
- backgrounds: ${list(BACKGROUNDS)}
- up to three groups of things at once, and which attribute belongs to which
- common other words for these ("disc", "dotted", "huge", "on the beach"); English only

## What it does not know

Everything else. On photographs it sees coarse colour and layout at best: there are no people,
animals, rooms or texts in its world. A text of unknown words alone lies far from every picture
(cosine about 0, against 0.3 to 0.5 for a true short caption), so an empty answer can be told from a
good one. Pull a real CLIP for photographs. It looks at 64 x 64 pixels, so things smaller than about a
tenth of the picture are guesses.

## Measured

Through the product (its preprocessing, tokenizer, sessions and linear scan), on pictures drawn from
seeds that training does not use.

| | |
|---|---|
| recall@1, ${heldOut.pictures.toLocaleString('en')} scenes of combinations never seen in training, each with its own caption | ${heldOut.recallAt1.toFixed(3)} |
| recall@10, the same | ${heldOut.recallAt10.toFixed(3)} |
| "a red circle" among ${otherStyle.pictures} single things by another renderer, with grain, blur and JPEG: first hit has colour and shape | ${otherStyle.hits} of ${otherStyle.queries} |
${parity === undefined ? '' : `| largest difference between PyTorch and the exported graphs, per component | ${parity.toExponential(1)} |\n`}${trained}| size of the folder | ${(figures.bytes / 1e6).toFixed(2)} MB |

${out} of the ${total} combinations of colour, shape and pattern are held out: no training scene
contains one, the scenes of the first two rows contain nothing else. The other renderer shares no
drawing code with the one of the training set. \`test/integration/builtin-model.test.ts\` measures all
three again.

## How it is made

\`tools/train-builtin/run.sh\` draws 120,000 scenes, trains, exports and measures; see the head of the
script for what it needs. Image tower: five convolution stages to an 8 x 8 grid, one transformer
block, a gated sum over cells. Text tower: ${'`tokenizer.json`'} maps whole words, three transformer blocks,
masked mean. Loss: contrastive both ways with full captions, contrastive with every right answer for
short ones, and attribute losses on cells and on both embeddings that are dropped afterwards. Weights
are stored as float16 and computed as float32.

Input \`pixel_values\` [batch, 3, 64, 64], \`input_ids\` and \`attention_mask\` int64 [batch, length <= 64];
output \`image_embeds\` and \`text_embeds\` [batch, 256], not normalised. Same licence as the project.
`;
}
