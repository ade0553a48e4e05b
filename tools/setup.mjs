// Finds ffmpeg (a setting, `ffmpeg-static`, PATH) or, as root, installs it by the system's package manager.
// Never fails: without ffmpeg pictures work, and videos are ERR_FFMPEG_MISSING with a remedy.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function works(command) {
  return command ? spawnSync(command, ['-version'], { stdio: 'ignore' }).status === 0 : false;
}

function staticPath() {
  try {
    const file = require('ffmpeg-static');
    return typeof file === 'string' && existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

const managers = [
  ['apt-get', ['update', '-qq'], ['install', '-y', '-qq', '--no-install-recommends', 'ffmpeg']],
  ['dnf', null, ['install', '-y', 'ffmpeg-free']],
  ['apk', null, ['add', 'ffmpeg']],
];

function installWithSystem() {
  if (process.getuid?.() !== 0) return;
  for (const [command, refresh, install] of managers) {
    if (spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status !== 0)
      continue;
    console.error(`setup: ffmpeg is missing, installing it with ${command}`);
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    if (refresh) spawnSync(command, refresh, options);
    spawnSync(command, install, options);
    return;
  }
}

const candidates = [process.env.SIGHTLINE_FFMPEG, process.env.FFMPEG_PATH, staticPath(), 'ffmpeg'];
if (!candidates.some(works)) {
  installWithSystem();
  if (!works('ffmpeg')) {
    console.error(
      'setup: ffmpeg was not found and could not be installed. Pictures work; for videos install ffmpeg ' +
        '(Debian/Ubuntu: apt install ffmpeg, macOS: brew install ffmpeg) or set SIGHTLINE_FFMPEG to its path.',
    );
  }
}
