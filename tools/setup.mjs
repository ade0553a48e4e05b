// For a checkout: gets what `npm install` leaves out. SQLite for Node before 22.13: the install script of
// better-sqlite3, which .npmrc keeps from running with the others. ffmpeg: a setting, PATH, then the system's
// package manager when we are root. Never fails the build: without ffmpeg pictures still work, and everything that needs videos says
// ERR_FFMPEG_MISSING with the remedy. (`sightline setup` is another thing: it never installs into the system.)
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

function works(command) {
  return command ? spawnSync(command, ['-version'], { stdio: 'ignore' }).status === 0 : false;
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

const candidates = [process.env.SIGHTLINE_FFMPEG, process.env.FFMPEG_PATH, 'ffmpeg'];
if (!candidates.some(works)) {
  installWithSystem();
  if (!works('ffmpeg')) {
    console.error(
      'setup: ffmpeg was not found and could not be installed. Pictures work; for videos install ffmpeg ' +
        '(Debian/Ubuntu: apt install ffmpeg, macOS: brew install ffmpeg) or set SIGHTLINE_FFMPEG to its path.',
    );
  }
}

/** Whether a database opens: the package loads without its binary. */
function hasSqlite() {
  if (process.getBuiltinModule?.('node:sqlite') !== undefined) return true;
  try {
    new (createRequire(import.meta.url)('better-sqlite3'))(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

if (!hasSqlite()) {
  console.error('setup: building better-sqlite3, which Node before 22.13 needs');
  spawnSync('npm', ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (!hasSqlite())
    console.error(
      'setup: better-sqlite3 could not be built; use Node 22.13 or later, or run "sightline setup"',
    );
}
