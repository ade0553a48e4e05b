/**
 * The environment of the processes that we start: nothing of ours but what is named here. A child that
 * decodes or runs a model meets foreign files, and must not hold passwords, connection strings and tokens
 * that it has no use for; nor may `NODE_OPTIONS` or a decoder's settings reach it from outside.
 */

/** What every program may need to be loaded at all, and for its temporary files. */
const FOR_ALL = [
  'DYLD_LIBRARY_PATH',
  'LD_LIBRARY_PATH',
  'PATH',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'TMPDIR',
];

/**
 * Where the libraries of graphics cards find themselves and their caches. The models are given by path,
 * so neither `HF_*` nor `SIGHTLINE_*` is among them: those may hold a token or a database's password.
 */
const FOR_MODELS = [
  'APPDATA',
  'HIP_VISIBLE_DEVICES',
  'HOME',
  'HSA_OVERRIDE_GFX_VERSION',
  'LOCALAPPDATA',
  'OMP_NUM_THREADS',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'ROCR_VISIBLE_DEVICES',
  'USERPROFILE',
  'VK_DRIVER_FILES',
  'VK_ICD_FILENAMES',
  'WINDIR',
  'XDG_CACHE_HOME',
];
/** CUDA_VISIBLE_DEVICES, CUDA_CACHE_PATH and some dozens more. */
const FAMILIES_FOR_MODELS = /^(CUDA|CUDNN|NVIDIA)_/;

/** @param own settings of the child, on top of what is passed on */
export function decoderEnvironment(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...passedOn((name) => FOR_ALL.includes(name)), ...own };
}

export function modelEnvironment(): NodeJS.ProcessEnv {
  const names = [...FOR_ALL, ...FOR_MODELS];
  return passedOn((name) => names.includes(name) || FAMILIES_FOR_MODELS.test(name));
}

/** Windows spells names as it likes. */
function passedOn(isWanted: (name: string) => boolean): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => isWanted(name.toUpperCase())),
  );
}
