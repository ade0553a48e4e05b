/**
 * Settings: defaults, checks, and the origin of each value. Precedence: flag, environment, the library's
 * `config.json`, default. One table row per setting, so that flag, environment variable and file key give
 * the same message. Uses `base/` only.
 */
export { readConfigFile } from './file';
export {
  resolveConfig,
  rulesOfLibrary,
  type ConfigSources,
  type Origin,
  type ResolvedConfig,
} from './resolve';
export { samplingOf, type Sampling } from './sampling';
export {
  DEFAULTS,
  isSecret,
  SETTING_NAMES,
  sourcesOf,
  type SettingName,
  type Settings,
} from './settings';
