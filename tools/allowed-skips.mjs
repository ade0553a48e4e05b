// The tests that CI may skip, and why. Any other skip fails in CI.
const MACHINE = "the machine's user, kernel or tools forbid it, which no installation changes";
const REAL_INPUTS = 'real media, models and vectors are not part of the repository';

/** Reason of a skip -> why it is right in CI, and in which files. */
export const ALLOWED_SKIPS = {
  'no shared media': {
    why: REAL_INPUTS,
    files: [
      'golden/preprocess',
      'integration/encode-hostile',
      'integration/exr-exrheader',
      'integration/library-photographs',
      'integration/library-real-media',
      'integration/media-audio',
      'integration/media-bombs',
      'integration/media-real-files',
      'unit/exr-embeddings',
    ],
  },
  'no shared models': {
    why: REAL_INPUTS,
    files: ['integration/encode-hostile', 'unit/encode-store', 'unit/encode-tokenizer'],
  },
  'no shared vectors': { why: REAL_INPUTS, files: ['integration/engine-recall'] },
  'SIGHTLINE_TEST_MODELS names no folder with real weights': {
    why: 'the weights are 700 MB',
    files: ['integration/encode-real-models'],
  },
  'another user may not read this checkout': {
    why: MACHINE,
    files: ['integration/library-absence', 'integration/library-read-only', 'unit/media-walk'],
  },
  'nothing may be mounted here': { why: MACHINE, files: ['integration/library-absence'] },
  'the portable engine is not built: npm run build:wasm': {
    why: 'CI installs no Emscripten: with it the build takes minutes more',
    files: ['integration/engine-portable', 'integration/engine-portable-suites'],
  },
  'no exrheader': {
    why: 'the tools of OpenEXR are not part of the set-up; files of every kind are read without them',
    files: ['integration/exr-exrheader'],
  },
  'no strace': { why: MACHINE, files: ['integration/media-video-hostile'] },
  'harness threads: the compiler has no thread sanitizer that works here': {
    why: MACHINE,
    files: ['integration/harness-threads'],
  },
  'fuzzing: clang++ is not installed': {
    why: 'CI has one compiler; `npm run test:fuzz` where there is clang',
    files: ['integration/harness-damage'],
  },
};

export const isAllowedSkip = (file, reason) =>
  ALLOWED_SKIPS[reason]?.files.some((part) => file.endsWith(`${part}.test.js`)) ?? false;
