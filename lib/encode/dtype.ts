/**
 * Number types of weights, and the file that holds a model's graph in each: the names of the Hugging
 * Face ONNX layout. Pure.
 */

/** Best first: what is taken when nobody asked for one. */
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

/**
 * The graphs that make a whole model in one number type: both towers, or the single graph. Empty when
 * it is not whole.
 */
export function graphsIn(paths: { has(path: string): boolean }, dtype: Dtype): readonly string[] {
  const towers = [graphFile('vision_model', dtype), graphFile('text_model', dtype)];
  if (towers.every((graph) => paths.has(graph))) return towers;
  const single = graphFile('model', dtype);
  return paths.has(single) ? [single] : [];
}

/** Number types in which the model is whole, best first. */
export function dtypesIn(paths: { has(path: string): boolean }): Dtype[] {
  return DTYPES.filter((dtype) => graphsIn(paths, dtype).length > 0);
}

/**
 * The number type to take when nobody asked for one: the best that is whole, else the best of which
 * anything is there (a CLIP of one tower), else `fp32`.
 */
export function bestDtype(paths: { has(path: string): boolean }): Dtype {
  const stems: readonly GraphStem[] = ['vision_model', 'text_model', 'model'];
  const begun = DTYPES.find((dtype) => stems.some((stem) => paths.has(graphFile(stem, dtype))));
  return dtypesIn(paths)[0] ?? begun ?? 'fp32';
}

/** True for a graph, or the external data named after it, that only another number type uses. */
export function isOfOtherDtype(path: string, dtype: Dtype): boolean {
  const stems: readonly GraphStem[] = ['vision_model', 'text_model', 'model'];
  return DTYPES.some(
    (other) => other !== dtype && stems.some((stem) => path.startsWith(graphFile(stem, other))),
  );
}
