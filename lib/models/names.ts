/** Names of models, and the rule for untrusted paths. Pure. */
import { makeError } from '../base/errors';
import { STRING } from '../base/options';

export interface ModelName {
  /** `owner/repository` on the hub. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

export const DEFAULT_REVISION = 'main';

/**
 * Short names, OpenCLIP's names and original repositories -> repositories with ONNX files. `videomae-base`
 * has no well-kept export: its original repository is used (see docs/guide/MODELS.md).
 */
const KNOWN: Readonly<Record<string, string>> = {
  'clip-vit-base-patch32': 'Xenova/clip-vit-base-patch32',
  'clip-vit-base-patch16': 'Xenova/clip-vit-base-patch16',
  'clip-vit-large-patch14': 'Xenova/clip-vit-large-patch14',
  'mobileclip-s0': 'Xenova/mobileclip_s0',
  'siglip-base-patch16-224': 'Xenova/siglip-base-patch16-224',
  'all-MiniLM-L6-v2': 'Xenova/all-MiniLM-L6-v2',
  'wav2vec2-base-960h': 'Xenova/wav2vec2-base-960h',
  'videomae-base': 'MCG-NJU/videomae-base',
  'ViT-B-32': 'Xenova/clip-vit-base-patch32',
  'ViT-B/32': 'Xenova/clip-vit-base-patch32',
  'ViT-B-16': 'Xenova/clip-vit-base-patch16',
  'ViT-L-14': 'Xenova/clip-vit-large-patch14',
  'openai/clip-vit-base-patch32': 'Xenova/clip-vit-base-patch32',
  'openai/clip-vit-base-patch16': 'Xenova/clip-vit-base-patch16',
  'openai/clip-vit-large-patch14': 'Xenova/clip-vit-large-patch14',
  'google/siglip-base-patch16-224': 'Xenova/siglip-base-patch16-224',
  'sentence-transformers/all-MiniLM-L6-v2': 'Xenova/all-MiniLM-L6-v2',
  'facebook/wav2vec2-base-960h': 'Xenova/wav2vec2-base-960h',
};

/** The names that `models pull` accepts without an owner. */
export const SHORT_NAMES: readonly string[] = Object.keys(KNOWN).filter(
  (name) => !name.includes('/') && !name.startsWith('ViT-'),
);

const REPOSITORY = /^\w[\w.-]{0,95}\/\w[\w.-]{0,95}$/;
const REVISION = /^\w[\w.-]*(\/\w[\w.-]*)*$/;
const MAX_REVISION = 200;

/**
 * `clip-vit-base-patch32`, `owner/repository`, either with `@revision`.
 *
 * @returns the repository with ONNX files first, then the one named, if they differ
 * @throws ERR_ARG_RANGE
 */
export function parseModelName(name: string): readonly [ModelName, ...ModelName[]] {
  const at = STRING('model', name).indexOf('@');
  const plain = at < 0 ? name : name.slice(0, at);
  const revision = at < 0 ? DEFAULT_REVISION : checkRevision(name.slice(at + 1));
  const known = Object.hasOwn(KNOWN, plain) ? KNOWN[plain] : undefined;
  const isRepository = REPOSITORY.test(plain) && !plain.includes('..') && !plain.includes('--');
  const found = [known, isRepository ? plain : undefined]
    .filter((repository) => repository !== undefined)
    .map((repository) => ({ repository, revision }));
  const [first, ...rest] = found;
  if (first !== undefined) return [first, ...rest];
  throw makeError(
    'ERR_ARG_RANGE',
    'model must be "builtin", a folder, a hub name like Xenova/clip-vit-base-patch32, or one of ' +
      `${SHORT_NAMES.join(', ')}; received ${JSON.stringify(name)}`,
    { details: { model: name } },
  );
}

/** @throws ERR_ARG_RANGE */
export function checkRevision(revision: string): string {
  const ok = revision.length <= MAX_REVISION && REVISION.test(revision) && !revision.includes('..');
  if (ok) return revision;
  throw makeError(
    'ERR_ARG_RANGE',
    `a revision is a branch, tag or commit; received ${JSON.stringify(revision)}`,
    { details: { revision } },
  );
}

/** The name to type. */
export function spellName({ repository, revision }: ModelName): string {
  return revision === DEFAULT_REVISION ? repository : `${repository}@${revision}`;
}

export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/** Within the limits of every file system. */
const MAX_PATH = 400;
const MAX_PART = 200;

/**
 * True for a relative path with `/` that stays inside its folder on every system: no `..`, no absolute or
 * drive path, no backslash, no control characters, no device name of Windows.
 */
export function isSafeRelativePath(name: string): boolean {
  if (name.length === 0 || name.length > MAX_PATH) return false;
  if (/[\u0000-\u001f\u007f\\:*?"<>|]/.test(name)) return false;
  return name
    .split('/')
    .every(
      (part) =>
        part !== '' &&
        part !== '.' &&
        part !== '..' &&
        part.length <= MAX_PART &&
        !/[. ]$/.test(part) &&
        !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part),
    );
}
