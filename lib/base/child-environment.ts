/**
 * The environment of child processes: only the variables listed here are passed on. A child that decodes or
 * runs a model reads untrusted files, so it must not hold passwords, connection strings or tokens; nor may
 * `NODE_OPTIONS` or a decoder's settings reach it from outside.
 */

/** What every program needs to load, and for its temporary files. */
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
 * Where GPU libraries find their files and caches. Models are passed by path, so `HF_*` and `SIGHTLINE_*`
 * are left out, as they may hold a token or a database password - but for the folder of the runtime.
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
  'SIGHTLINE_SETUP_DIR',
  'USERPROFILE',
  'VK_DRIVER_FILES',
  'VK_ICD_FILENAMES',
  'WINDIR',
  'XDG_CACHE_HOME',
];
/** For example CUDA_VISIBLE_DEVICES and CUDA_CACHE_PATH. */
const FAMILIES_FOR_MODELS = /^(CUDA|CUDNN|NVIDIA)_/;

/** @param own settings of the child, added to those passed on */
export function decoderEnvironment(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...passedOn((name) => FOR_ALL.includes(name)), ...own };
}

export function modelEnvironment(): NodeJS.ProcessEnv {
  const names = [...FOR_ALL, ...FOR_MODELS];
  return passedOn((name) => names.includes(name) || FAMILIES_FOR_MODELS.test(name));
}

/** Windows variable names are case-insensitive. */
function passedOn(isWanted: (name: string) => boolean): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => isWanted(name.toUpperCase())),
  );
}
