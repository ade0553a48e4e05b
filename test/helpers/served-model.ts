/** The tiny CLIP on a loopback hub, in a cache of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { pullModel, type PullOptions, type PullReport } from '../../lib/library/models';
import { filesBelow, LoopbackHub } from './loopback-hub';
import { makeTempDir } from './temp';
import { TINY_CLIP } from './tiny-clip';

export const REPOSITORY = 'acme/tiny-clip';
export const VISION = 'onnx/vision_model.onnx';
export const TEXT = 'onnx/text_model.onnx';
/** Quick, and as many tries as a test needs. */
export const RETRY = { tries: 3, firstWaitMs: 1 };

/** What the repository holds, some of it not needed: what is not pulled is seen as such. */
export function tinyFiles(): Map<string, Buffer> {
  const files = filesBelow(TINY_CLIP);
  files.delete('expected.json');
  const vision = files.get(VISION) as Buffer;
  const text = files.get(TEXT) as Buffer;
  files.set('README.md', Buffer.from('a model'));
  files.set('pytorch_model.bin', Buffer.alloc(1000, 7));
  files.set('onnx/model.onnx', Buffer.concat([vision, text]));
  files.set('onnx/vision_model_quantized.onnx', roundedWeights(vision));
  files.set('onnx/text_model_quantized.onnx', text);
  return files;
}

/** The same graph with weights a little off, as those of 8 bits are. */
function roundedWeights(graph: Buffer): Buffer {
  const rounded = Buffer.from(graph);
  const at = rounded.lastIndexOf(Buffer.from('project')) + 60;
  rounded[at] = (rounded[at] as number) ^ 1;
  return rounded;
}

export interface Served {
  readonly hub: LoopbackHub;
  readonly files: Map<string, Buffer>;
  readonly commit: string;
  readonly cache: string;
  /** Folder of the repository in the cache. */
  readonly folder: string;
  readonly env: Record<string, string>;
  pull(options?: PullOptions, name?: string): Promise<PullReport>;
  snapshotFile(name: string): Buffer;
}

/** Starts a hub with the model; `use` gets it; everything is closed after. */
export async function withServedModel(
  use: (served: Served) => Promise<void>,
  files: Map<string, Buffer> = tinyFiles(),
): Promise<void> {
  const hub = await LoopbackHub.start();
  try {
    const commit = hub.publish(REPOSITORY, { files });
    const cache = makeTempDir('pulled');
    const folder = path.join(cache, 'models--acme--tiny-clip');
    const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache };
    await use({
      hub,
      files,
      commit,
      cache,
      folder,
      env,
      pull: (options, name = REPOSITORY) => pullModel(name, { env, retry: RETRY, ...options }),
      snapshotFile: (name) => readFileSync(path.join(folder, 'snapshots', commit, name)),
    });
  } finally {
    await hub.close();
  }
}

/** The file of the cache that holds these bytes. */
export function blobOf(folder: string, bytes: Buffer): string {
  const found = readdirSync(path.join(folder, 'blobs')).find((name) =>
    readFileSync(path.join(folder, 'blobs', name)).equals(bytes),
  );
  assert.ok(found, 'there is a blob with this content');
  return path.join(folder, 'blobs', found as string);
}
