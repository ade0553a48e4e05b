/**
 * Checks the machine and reports which parts of the product work: for `sightline doctor`, for bug reports,
 * and for programs. Every check tries the real part, and none of them throws.
 */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { sqliteDriver, openSqlite } from '../../catalog/sqlite/sqlite';
import {
  diagnoseDecoder,
  diagnoseEncoders,
  type Attempt,
  type Check,
  type CheckState,
  type Finding,
} from './encoders';
import { openClip } from '../../encode';
import { listModels } from '../../models/store/list';
import { BUILTIN_MODEL, hubCacheDir } from '../../models/store/model-store';
import { messageOf } from '../../base/errors';
import { compileRemedy } from '../../base/package-root';
import { findPart, MODEL_RUNTIME, remedyFor, SQLITE } from '../../base/parts/parts';
import { findFfmpeg } from '../../media';
import { whyPortable } from '../../native';
import { VectorIndex } from '../../vectors';

export type { Check, CheckState };

export interface Diagnosis {
  /** False when a part that the product needs is missing. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

export interface DiagnoseOptions {
  /** Folder whose disk is checked; default: the current folder. */
  readonly root?: string;
  /** Model to look for; default `builtin`. */
  readonly model?: string;
  readonly library?: string | undefined;
}

const LOW_DISK_BYTES = 1024 ** 3;

/** Runs all checks. Loads sharp, onnxruntime and the model, so it takes some seconds. */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const model = options.model ?? BUILTIN_MODEL;
  const checks = [checkNode()];
  const attempt: Attempt = async (name, remedy, look) => {
    try {
      checks.push({ name, state: 'ok', ...(await look()) });
    } catch (error) {
      const advice = typeof remedy === 'string' ? remedy : remedy(error);
      checks.push({ name, state: 'missing', detail: messageOf(error), remedy: advice });
    }
  };
  await attempt('engine', REMEDIES.engine, checkEngine);
  await attempt('sqlite', REMEDIES.sqlite, checkSqlite);
  await attempt('ffmpeg', REMEDIES.ffmpeg, checkFfmpeg);
  await attempt('sharp', REMEDIES.sharp, checkSharp);
  const picture = await diagnoseDecoder(attempt);
  await attempt('onnxruntime', REMEDIES.onnxruntime, checkOnnxRuntime);
  await attempt('model', REMEDIES.model, () => checkModel(model));
  await diagnoseEncoders(attempt, model, picture);
  checks.push(await checkModelStore());
  await attempt('disk', REMEDIES.disk, () => checkDisk(options.library ?? options.root ?? '.'));
  return { ok: checks.every((check) => check.state !== 'missing'), checks };
}

const REMEDIES = {
  engine: compileRemedy(),
  sqlite: remedyFor(SQLITE),
  ffmpeg:
    'pictures work without it; for videos install ffmpeg (Debian/Ubuntu: apt install ffmpeg, macOS: brew install ffmpeg) or set SIGHTLINE_FFMPEG to its path',
  sharp: 'run "npm install" again for this platform, including optional packages',
  onnxruntime: remedyFor(MODEL_RUNTIME),
  model: 'run "sightline models pull NAME", or give --model a folder in the Hugging Face layout',
  disk: 'free some space: frames and vectors take about 50 KB for each frame',
} as const;

function checkNode(): Check {
  const found = `${process.version} on ${process.platform}-${process.arch}`;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19))
    return { name: 'node', state: 'ok', detail: found };
  return {
    name: 'node',
    state: 'missing',
    detail: found,
    remedy: 'install Node 20.19 or later (22 or 24 recommended)',
  };
}

/** Builds a tiny index and finds a vector in it. */
async function checkEngine(): Promise<Finding> {
  await using index = await VectorIndex.create({ dim: 8 });
  await index.add(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  const hits = index.search(Float32Array.of(2, 0, 0, 0, 0, 0, 0, 0), 1);
  if (hits.keys[0] !== 0) throw new Error('the engine loads but does not find its own vector');
  const { kernel } = index.stats();
  const reason = whyPortable();
  if (reason === undefined) return { detail: `kernel ${kernel}` };
  return {
    detail:
      `kernel ${kernel}: the portable engine, on one thread. The native one is several times as fast: ` +
      `npm run build:native. It was not loaded because: ${reason}`,
  };
}

function checkSqlite(): Finding {
  const db = openSqlite(':memory:', false);
  const row = db.prepare('SELECT sqlite_version() AS version').get() as { version: string };
  db.close();
  return { detail: `${sqliteDriver().name}, SQLite ${row.version}` };
}

async function checkFfmpeg(): Promise<Finding> {
  const found = await findFfmpeg();
  return { detail: `${found.version} at ${found.ffmpeg}` };
}

async function checkSharp(): Promise<Finding> {
  const { default: sharp } = await import('sharp');
  await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  return { detail: `sharp ${sharp.versions.sharp ?? '?'}, libvips ${sharp.versions.vips}` };
}

async function checkOnnxRuntime(): Promise<Finding> {
  const { env } = await import('../../encode/towers/runtime.js');
  return {
    detail: `onnxruntime ${env.versions.node ?? env.versions.common}, ${findPart(MODEL_RUNTIME)}`,
  };
}

async function checkModel(model: string): Promise<Finding> {
  const clip = await openClip(model);
  try {
    const { id, revision, sha256 } = clip.identity;
    return {
      detail: `${id} (${revision}), ${clip.dim} dimensions, SHA-256 ${sha256}`,
      ...(clip.isBuiltin
        ? {
            remedy:
              'the built-in model knows drawn shapes; for photographs: sightline models pull clip-vit-base-patch32',
          }
        : {}),
    };
  } finally {
    await clip.close();
  }
}

async function checkDisk(folder: string): Promise<Finding> {
  const where = path.resolve(folder);
  const { bavail, bsize } = await statfs(where);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GB free at ${where}`;
  return free < LOW_DISK_BYTES ? { state: 'warning', detail, remedy: REMEDIES.disk } : { detail };
}

async function checkModelStore(): Promise<Check> {
  const folder = hubCacheDir(process.env);
  const models = await listModels();
  const usable = models.filter((model) => model.state === 'complete');
  const names = usable.map((model) => model.id).join(', ');
  return { name: 'model store', state: 'ok', detail: `${folder} (usable: ${names || 'none'})` };
}
