/** Headers of generated renders: sequences whose files differ in a frame number, and families that differ in a layer or a field. */
import type { ExrChannelSpec, ExrSpec } from './exr-files';

const FAMILIES: readonly {
  readonly name: string;
  readonly layers: readonly string[];
  readonly compression: number;
}[] = [
  { name: 'beauty', layers: ['', 'diffuse', 'specular'], compression: 3 },
  { name: 'beauty_zips', layers: ['', 'diffuse', 'specular'], compression: 2 },
  { name: 'shadow', layers: ['', 'shadow'], compression: 4 },
  { name: 'position', layers: ['P', 'N', 'uv'], compression: 3 },
];

const channelsOf = (layers: readonly string[]): ExrChannelSpec[] =>
  layers
    .flatMap((layer) =>
      ['B', 'G', 'R'].map((name) => ({ name: layer === '' ? name : `${layer}.${name}` })),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** @param layers  of one file */
export function renderSpec(layers: readonly string[], compression: number): ExrSpec {
  return { parts: [{ channels: channelsOf(layers), compression }] };
}

/** Name -> header; 8 frames of each family. */
export function renderFamily(frames = 8): [string, ExrSpec][] {
  return FAMILIES.flatMap(({ name, layers, compression }) =>
    Array.from({ length: frames }, (_, i): [string, ExrSpec] => [
      `${name}.${String(i + 1).padStart(4, '0')}.exr`,
      renderSpec(layers, compression),
    ]),
  );
}
