/**
 * Finds the package's own files: the addon, the built-in model, the web page and the worker programs. A
 * bundler merges the code into one file and leaves these behind; then there is no package folder, and
 * whatever needs it fails with a remedy. Layer 0: uses `errors.ts` only.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { makeError } from './errors';

/** This code is published as the whole package and as the engine alone. */
const NAMES = ['sightline', 'sightline-engine'] as const;

/** From dist/lib/base to the package folder; in a bundle this is an arbitrary folder. */
export const PACKAGE_ROOT = path.resolve(__dirname, '../../..');

/** The package's name, where its folder is this code's; undefined in a bundle. */
function nameIn(root: string): string | undefined {
  try {
    const text = readFileSync(path.join(root, 'package.json'), 'utf8');
    const { name } = JSON.parse(text) as { name?: unknown };
    return NAMES.find((one) => one === name);
  } catch {
    return undefined;
  }
}

/** The name under which this code is installed. */
export const packageName = (): string => nameIn(PACKAGE_ROOT) ?? NAMES[0];

/** How to get a binary that fits where none was published; `tools/try-install.mjs` runs these commands. */
export const compileRemedy = (): string =>
  'compile it (C++20): in a project "npm install --no-save node-addon-api node-api-headers", then ' +
  `"node node_modules/${packageName()}/tools/build-native.mjs"; in a checkout "npm run build:native"`;

let bundled: boolean | undefined;

/** True when a bundler has moved this code out of its package. */
export function isBundled(): boolean {
  bundled ??= nameIn(PACKAGE_ROOT) === undefined;
  return bundled;
}

/** For bundled code: the package installed beside or above the program. */
export function installedRoot(): string | undefined {
  const places = [__filename, process.argv[1], path.join(process.cwd(), 'x.js')];
  for (const place of places) {
    if (place === undefined || !path.isAbsolute(place)) continue;
    for (const name of NAMES)
      try {
        return path.dirname(createRequire(place).resolve(`${name}/package.json`));
      } catch {
        // Not resolvable from here: try the next.
      }
  }
  return undefined;
}

export const BUNDLE_REMEDY =
  `this code runs from a bundle (${path.basename(__filename)}), which cannot hold a binary. Leave the ` +
  'package out of the bundle and install it beside it: esbuild --external:sightline or ' +
  "--packages=external; rollup external: [/^sightline/]; webpack externals: [/^sightline/] with externalsType 'commonjs'; Next.js " +
  "serverExternalPackages: ['sightline']; Vite ssr: { external: ['sightline'] }. The engine alone " +
  'also works in a bundle with its file sightline.node beside it, or named by SIGHTLINE_ADDON';

/**
 * For parts that need files of the package other than the addon.
 *
 * @throws ERR_ADDON_LOAD
 */
export function assertUnbundled(): void {
  if (!isBundled()) return;
  throw makeError('ERR_ADDON_LOAD', `sightline needs the files of its package: ${BUNDLE_REMEDY}`);
}
