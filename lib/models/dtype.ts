/**
 * Number types of weights, and the file that holds a model's graph in each: the names of the Hugging
 * Face ONNX layout. Pure.
 */

/** Best first: the default order. */
export const DTYPES = ['fp32', 'fp16', 'q8'] as const;

/** `q8`: weights of 8 bits, a quarter of the size. */
export type Dtype = (typeof DTYPES)[number];

const SUFFIXES: Readonly<Record<Dtype, string>> = { fp32: '', fp16: '_fp16', q8: '_quantized' };

/** The towers of a CLIP are apart; every other encoder is one graph. */
export type GraphStem = 'vision_model' | 'text_model' | 'model';

/** `onnx/vision_model_quantized.onnx`; relative, with `/`. */
export function graphFile(stem: GraphStem, dtype: Dtype): string {
  return `onnx/${stem}${SUFFIXES[dtype]}.onnx`;
}

export function isDtype(value: unknown): value is Dtype {
  return (DTYPES as readonly unknown[]).includes(value);
}

interface Paths {
  has(path: string): boolean;
}

const towersOf = (dtype: Dtype): readonly string[] => [
  graphFile('vision_model', dtype),
  graphFile('text_model', dtype),
];

/**
 * The graphs of a complete model in one number type: both towers, or the single graph; if no number type
 * has these, the one tower that exists. Empty when incomplete.
 */
export function graphsIn(paths: Paths, dtype: Dtype): readonly string[] {
  const whole = pairOrSingle(paths, dtype);
  if (DTYPES.some((other) => pairOrSingle(paths, other).length > 0)) return whole;
  return towersOf(dtype).filter((graph) => paths.has(graph));
}

function pairOrSingle(paths: Paths, dtype: Dtype): readonly string[] {
  const towers = towersOf(dtype);
  if (towers.every((graph) => paths.has(graph))) return towers;
  const single = graphFile('model', dtype);
  return paths.has(single) ? [single] : [];
}

/** Number types in which the model is complete, best first. */
export function dtypesIn(paths: Paths): Dtype[] {
  return DTYPES.filter((dtype) => graphsIn(paths, dtype).length > 0);
}

/** The default number type: the best complete one, else `fp32`. */
export function bestDtype(paths: Paths): Dtype {
  return dtypesIn(paths)[0] ?? 'fp32';
}

/** True for a graph, or the external data named after it, that only another number type uses. */
export function isOfOtherDtype(path: string, dtype: Dtype): boolean {
  const stems: readonly GraphStem[] = ['vision_model', 'text_model', 'model'];
  return DTYPES.some(
    (other) => other !== dtype && stems.some((stem) => path.startsWith(graphFile(stem, other))),
  );
}
