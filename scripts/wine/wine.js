'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { atEnd } = require('../kit/cleanup');
const { attempt, run } = require('../kit/run');

/** Debian's packages: Wine, and a linker that makes DLLs. */
const packages = ['wine', 'wine64', 'binutils-mingw-w64-x86-64'];
const linker = 'x86_64-w64-mingw32-ld';

/**
 * Starts a separate Wine, which `cleanUp` stops.
 *
 * @param {string} prefix its folder
 * @returns {Promise<{ version: string, remark: string, env: NodeJS.ProcessEnv, wrap: (exe: string) => string } | undefined>}
 *   `wrap` makes a script that runs a Windows program. If there is no Wine, prints
 *   the reason and resolves to undefined
 */
async function startWine(prefix) {
  const problem = await installWine();
  if (problem) {
    console.log(`The Windows binary was not run: ${problem}.`);
    return;
  }
  const env = {
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    // Otherwise Wine would ask to install them.
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
    DISPLAY: '',
  };
  const options = { env: { ...process.env, ...env }, timeout: 120_000 };
  atEnd(() => attempt('wineserver', ['--kill', '--wait'], options));
  await run('wine', ['wineboot', '--init'], options);
  const { stdout } = await run('wine', ['--version'], options);
  const remark = await addRandom(prefix);
  return {
    version: stdout.trim(),
    remark,
    env,
    wrap(exe) {
      const program = exe.replace(/\.exe$/, '.sh');
      fs.writeFileSync(program, `#!/bin/sh\nexec wine '${exe}' "$@"\n`, {
        mode: 0o755,
      });
      return program;
    },
  };
}

/** @returns {Promise<string | undefined>} why there is no Wine */
async function installWine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `this needs linux-x64, and here is ${process.platform}-${process.arch}`;
  }
  if ((await isInstalled('wine')) && (await isInstalled(linker)))
    return undefined;
  const command = `apt-get install ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !(await isInstalled('apt-get'))) {
    return `Wine is missing, and this script cannot install it here: ${command}`;
  }
  console.log(`Installing Wine (700 MB): ${command} …`);
  const options = ['--yes', '--no-install-recommends'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await attempt('apt-get', ['update'], { env });
  const { code, output } = await attempt(
    'apt-get',
    ['install', ...options, ...packages],
    { env },
  );
  return code === 0 ? undefined : `${command} failed:\n${output.trim()}`;
}

/** @param {string} program */
async function isInstalled(program) {
  const { code } = await attempt('sh', ['-c', `command -v ${program}`]);
  return code === 0;
}

/**
 * Go's runtime gets its random numbers from ProcessPrng in bcryptprimitives.dll. Windows has
 * it since 7, Wine since 9. For Debian's Wine 8, this makes a DLL that calls the older
 * function.
 *
 * @param {string} prefix
 */
async function addRandom(prefix) {
  const folder = path.join(prefix, 'drive_c', 'windows', 'system32');
  const file = path.join(folder, 'bcryptprimitives.dll');
  if (fs.existsSync(file)) return 'with its own bcryptprimitives.dll';
  const definition = path.join(prefix, 'bcryptprimitives.def');
  fs.writeFileSync(
    definition,
    'LIBRARY bcryptprimitives\nEXPORTS\n  ProcessPrng = ADVAPI32.SystemFunction036\n',
  );
  await run(linker, ['-shared', '--entry=0', '-o', file, definition]);
  return 'with a bcryptprimitives.dll made here, because it has none';
}

exports.startWine = startWine;
