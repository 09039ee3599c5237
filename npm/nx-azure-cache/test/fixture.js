'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */
/** @import { RemoteCache } from '../index' */
/** @import { FakeServer } from './fake-server' */

/** The package's folder, and the repository. */
const packageFolder = path.join(__dirname, '..');
const root = path.join(packageFolder, '..', '..');

/** The most milliseconds that a process of a test may run. */
const limit = 2 * patience;

/**
 * Creates a temporary folder that is removed after the test.
 *
 * @param {{ after: (task: () => unknown) => void }} t
 */
function temporaryFolder(t) {
  const folder = fs.mkdtempSync(
    path.join(fs.realpathSync(os.tmpdir()), 'nx-azure-cache-shim-'),
  );
  t.after(() =>
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  );
  return folder;
}

/**
 * @param {string} file
 * @param {string} text
 */
function writeExecutable(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode: 0o755 });
}

/**
 * Creates an executable that acts as the server. `script` changes its behavior. It runs in
 * that process, so it can use only `args` of the test.
 *
 * @template [A=undefined]
 * @param {TestContext} t
 * @param {(server: FakeServer, args: A) => void} [script]
 * @param {A} [args]
 */
function fakeServer(t, script = () => {}, args) {
  const file = path.join(temporaryFolder(t), 'fake-server');
  writeExecutable(
    file,
    `#!${process.execPath}
      const { appendFileSync } = require('node:fs');
      appendFileSync(__filename + '.pids', process.pid + ' ');
      if (process.argv[2] === 'drain') {
        const args = process.argv.slice(3).join(' ');
        const parent = new RegExp('--parent ' + process.ppid + '$');
        appendFileSync(__filename + '.drains', args.replace(parent, '--parent PPID') + '\\n');
      }
      const { FakeServer } = require(${JSON.stringify(path.join(__dirname, 'fake-server'))});
      const server = new FakeServer();
      server.start();
      (${script})(server, ${JSON.stringify(args)});`,
  );
  return file;
}

/**
 * @param {string} binary one of `fakeServer`
 * @returns {number[]} of the processes that ran it
 */
function pids(binary) {
  const file = `${binary}.pids`;
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').trim().split(' ').map(Number);
}

/**
 * @param {string} binary one of `fakeServer`
 * @returns {string[]} the arguments of its runs as `drain`, with PPID in place of the
 *   parent's process ID
 */
function drains(binary) {
  const file = `${binary}.drains`;
  if (!fs.existsSync(file)) return [];
  return fs.readFileSync(file, 'utf8').trimEnd().split('\n');
}

/**
 * Whether a process runs. A zombie, whose parent has not read its exit code, does not run,
 * but kill(pid, 0) would find it.
 *
 * @param {number} pid
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.split(') ').at(-1)?.[0] !== 'Z';
  } catch {
    return false;
  }
}

/**
 * Waits until a process is gone, so that no orphans stay.
 *
 * @param {number} pid
 */
async function assertGone(pid) {
  for (let waited = 0; isAlive(pid); waited += 20) {
    assert.ok(waited < patience, `process ${pid} still runs`);
    await sleep(20);
  }
}

/** The modules that the package needs. */
const installed = {
  nx: path.join(root, 'node_modules', 'nx'),
  'vscode-jsonrpc': path.join(root, 'node_modules', 'vscode-jsonrpc'),
};

/**
 * Copies the published files to a folder where only these modules are found. Returns the
 * folder.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} modules paths by name
 * @param {object} [manifest] changes to package.json
 */
function copyShim(t, modules, manifest = {}) {
  const original = require('../package.json');
  const folder = path.join(temporaryFolder(t), 'node_modules', original.name);
  for (const file of original.files) {
    fs.cpSync(path.join(packageFolder, file), path.join(folder, file), {
      recursive: true,
    });
  }
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ ...original, ...manifest }),
  );
  for (const [name, target] of Object.entries(modules)) {
    fs.symlinkSync(target, path.join(folder, '..', name));
  }
  return folder;
}

/**
 * All files in a folder and its subfolders. The server may remove its own folder
 * meanwhile, and then `recursive` of readdirSync would fail.
 *
 * @param {string} folder
 * @returns {string[]} relative paths
 */
function filesIn(folder) {
  const { readdirSync } = require('node:fs');
  const { join, relative } = require('node:path');
  const found = [];
  const folders = [folder];
  for (let at; (at = folders.pop());) {
    try {
      for (const entry of readdirSync(at, { withFileTypes: true })) {
        const file = join(at, entry.name);
        if (entry.isDirectory()) folders.push(file);
        else found.push(relative(folder, file));
      }
    } catch (err) {
      const isGone = /** @type {any} */ (err).code === 'ENOENT';
      if (!isGone || at === folder) throw err;
    }
  }
  return found;
}

/**
 * Loading Nx's cache takes more CPU than all that a test does, and most of it is for this
 * module, which runs tasks. Processes that act as Nx get an empty one.
 */
const taskRunner = require.resolve('nx/src/tasks-runner/default-tasks-runner');

/**
 * What a script that acts as Nx can use.
 *
 * @typedef {object} Nx
 * @property {() => Promise<RemoteCache | null>} getRemoteCache
 * @property {() => Promise<RemoteCache>} open getRemoteCache that must find one
 * @property {string} cacheDirectory
 * @property {string} packageFolder the path of the folder of index.js
 * @property {typeof filesIn} filesIn
 */

/**
 * @typedef {object} Options
 * @property {string} [binary] NX_AZURE_CACHE_BINARY
 * @property {NodeJS.ProcessEnv} [env] added
 * @property {string | null} [nxJson] its content; null if it is missing
 * @property {string} [folder] of index.js
 * @property {string} [workspace]
 * @property {number} [exit] the process calls process.exit with this code; by default it
 *   ends by itself
 * @property {'read' | 'unread' | 'closed' | 'none'} [stderr] the state of its stderr
 */

/**
 * Runs a script that acts as Nx in a process of its own. Whatever happens in it, the process
 * must end promptly with the exit code that it would have without a cache, must not write
 * to stdout, and must leave no child process. The lines of stderr are returned without their
 * codes.
 *
 * @template R
 * @template [A=undefined]
 * @param {TestContext} t
 * @param {(nx: Nx, args: A) => Promise<R>} script runs in that process, so it
 *   can use only `args` of the test
 * @param {Options & { args?: A }} [options]
 */
async function runAsNx(
  t,
  script,
  {
    args,
    binary,
    env = {},
    nxJson = '{}',
    folder = packageFolder,
    workspace = temporaryFolder(t),
    exit,
    stderr: reading = 'read',
  } = {},
) {
  if (nxJson !== null) {
    fs.writeFileSync(path.join(workspace, 'nx.json'), nxJson);
  }
  const cacheDirectory = path.join(workspace, '.nx', 'cache');
  fs.mkdirSync(cacheDirectory, { recursive: true });
  const main = path.join(workspace, 'nx.js');
  fs.writeFileSync(
    main,
    `'use strict';
    require.cache[${JSON.stringify(taskRunner)}] = { loaded: true, exports: {} };
    const { getRemoteCache } = require(${JSON.stringify(path.join(folder, 'index.js'))});
    const nx = {
      getRemoteCache,
      open: async () => {
        const cache = await getRemoteCache();
        if (!cache) throw new Error('there is no remote cache');
        return cache;
      },
      cacheDirectory: ${JSON.stringify(cacheDirectory)},
      packageFolder: ${JSON.stringify(folder)},
      filesIn: ${filesIn},
    };
    (async () => {
      const report = await (${script})(nx, ${JSON.stringify(args)});
      require('node:fs').writeSync(1, JSON.stringify({ report }));
      ${exit === undefined ? '' : `process.exit(${exit});`}
    })();`,
  );
  const command = [process.execPath, '--unhandled-rejections=strict', main];
  const child = spawn(
    'sh',
    ['-c', `exec "$@" ${reading === 'none' ? '2>&-' : ''}`, 'sh', ...command],
    {
      cwd: workspace,
      env: environment(workspace, {
        ...(binary && { NX_AZURE_CACHE_BINARY: binary }),
        ...env,
      }),
      timeout: limit,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const started = performance.now();
  let stdout = '';
  let stderr = '';
  let reported = Infinity;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    reported = performance.now();
    stdout += text;
  });
  if (reading === 'read') {
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  }
  if (reading === 'closed') child.stderr.destroy();
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on(reading === 'unread' ? 'exit' : 'close', (...how) => resolve(how));
  });
  child.stderr.destroy();
  const ended = performance.now();

  assert.equal(signal, null, `killed by ${signal}: ${stderr}`);
  // An empty stdout is F01: the event loop ran dry, and the code after an `await` never ran.
  assert.notEqual(stdout, '', `the script has not come to its end: ${stderr}`);
  /** @type {{ report: R }} */
  const { report } = JSON.parse(stdout); // which fails if there is more
  assert.equal(code, exit ?? 0, stderr);
  assert.ok(ended - reported < patience, 'the process does not end by itself');
  for (const pid of binary ? pids(binary) : []) await assertGone(pid);
  const printed = stderr.split('\n').slice(0, -1);
  return {
    ...{ report, stderr, took: ended - started, cacheDirectory },
    lines: printed.map(withoutCode),
    codes: printed.map((line) => codeAtEnd.exec(line)?.[1] ?? ''),
  };
}

/** The code at the end of a line, and the address of its section. */
const codeAtEnd =
  / \((NXAC\d{3}): https:\/\/github\.com\/nx-azure-cache\/nx-azure-cache\/blob\/main\/docs\/troubleshooting\.md#nxac\d{3}\)$/;

/** @param {string} line */
function withoutCode(line) {
  return line.replace(codeAtEnd, '');
}

/**
 * The environment of a process, without the variables of the tests' own environment.
 *
 * @param {string} workspace
 * @param {NodeJS.ProcessEnv} env added
 */
function environment(workspace, env) {
  const { PATH, HOME, TMPDIR, TEMP, SYSTEMROOT } = process.env;
  return {
    ...{ PATH, HOME, TMPDIR, TEMP, SYSTEMROOT },
    NX_WORKSPACE_ROOT_PATH: workspace,
    ...env,
  };
}

/**
 * Asserts that stderr has one line, which matches all patterns.
 *
 * @param {string[]} lines
 * @param {...(string | RegExp)} patterns
 */
function assertOneLine(lines, ...patterns) {
  assert.equal(lines.length, 1, lines.join('\n') || 'there is no line');
  assert.ok(lines[0].startsWith('nx-azure-cache: '), lines[0]);
  for (const pattern of patterns) {
    if (typeof pattern === 'string') {
      assert.ok(lines[0].includes(pattern), lines[0]);
    } else assert.match(lines[0], pattern);
  }
}

/** How the line begins if a run has no remote cache. */
const off = 'nx-azure-cache: the remote cache is off: ';

/**
 * What `runAsNx` runs if the test is about the start.
 *
 * @param {Nx} nx
 */
const open = ({ getRemoteCache }) => getRemoteCache();

/**
 * Asserts that there is no cache, and one line that says why.
 *
 * @param {TestContext} t
 * @param {Options} options
 * @param {...(string | RegExp)} says
 */
async function assertOff(t, options, ...says) {
  const { report, lines } = await runAsNx(t, open, options);
  assert.equal(report, null);
  assertOneLine(lines, off, ...says);
}

exports.assertGone = assertGone;
exports.assertOff = assertOff;
exports.assertOneLine = assertOneLine;
exports.copyShim = copyShim;
exports.drains = drains;
exports.environment = environment;
exports.fakeServer = fakeServer;
exports.filesIn = filesIn;
exports.installed = installed;
exports.off = off;
exports.open = open;
exports.pids = pids;
exports.runAsNx = runAsNx;
exports.root = root;
exports.packageFolder = packageFolder;
exports.temporaryFolder = temporaryFolder;
exports.withoutCode = withoutCode;
exports.writeExecutable = writeExecutable;
