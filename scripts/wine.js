'use strict';

// npm run test:wine
//
// Runs the Windows binary under Wine: its commands, and its server, which stores
// and restores results in Azurite and exchanges them with this machine's binary.
// Installs Wine if it can (Debian, root). Without Wine, exits with 1 and a message.
// docs/testing.md says what this shows, and what it does not show.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Client } = require('../npm/nx-azure-cache/lib/client');
const { buildBinary, platforms, version } = require('./build');
const { createContainer, listBlobs, startAzurite } = require('./kit/azurite');
const { atEnd, runMain, temporaryFolder } = require('./kit/cleanup');
const { install } = require('./kit/install');
const { developmentLicense } = require('./kit/license');
const { attempt, run } = require('./kit/run');
const { namesBelow } = require('./kit/tree');
const { startWine } = require('./wine/wine');

/** @typedef {{ name: string, program: string, path: (file: string) => string }} Machine */

const container = 'nxcache';

async function main() {
  await install();
  const folder = temporaryFolder('wine');
  const wine = await startWine(path.join(folder, 'prefix'));
  if (!wine) return 1;
  console.log(`${wine.version}; ${wine.remark}`);
  const [windows, linux] = await Promise.all([
    buildFor(folder, 'win32'),
    buildFor(folder, 'linux'),
  ]);
  const azurite = await startAzurite();
  await createContainer(azurite.connectionString, container);
  Object.assign(process.env, wine.env, {
    AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString,
    NX_POWERPACK_LICENSE: await developmentLicense(),
  });
  /** @type {Machine} */
  const windowsMachine = {
    name: 'Windows',
    program: wine.wrap(windows),
    path: (file) => `Z:${file.replaceAll('/', '\\')}`,
  };
  /** @type {Machine} */
  const linuxMachine = { name: 'Linux', program: linux, path: (file) => file };

  await step('version', () => printsVersion(windowsMachine));
  await step('ends with its stdin', () => endsWithStdin(windowsMachine));
  for (const [from, to] of [
    [windowsMachine, windowsMachine],
    [windowsMachine, linuxMachine],
    [linuxMachine, windowsMachine],
  ]) {
    await step(`${from.name} stores, ${to.name} restores`, () =>
      exchange(from, to, path.join(folder, randomUUID())),
    );
  }
  await step('an unknown hash is a miss', () => misses(windowsMachine, folder));
  await step('ls shows what is stored', () =>
    lists(windowsMachine, azurite.connectionString),
  );
  await step('doctor reports the same on both', () =>
    doctor([windowsMachine, linuxMachine], folder),
  );
}

/**
 * @param {string} name
 * @param {() => Promise<void>} check
 */
async function step(name, check) {
  const started = performance.now();
  await check().catch((err) => {
    throw new Error(`✗ ${name}\n${err.message}`, { cause: err });
  });
  const took = (performance.now() - started).toFixed(0);
  console.log(`✔ ${name} (${took} ms)`);
}

/**
 * @param {string} folder
 * @param {string} os
 */
async function buildFor(folder, os) {
  const platform = platforms.find(
    (platform) => platform.os === os && platform.cpu === 'x64',
  );
  if (!platform) throw new Error(`npm/platforms.json has no ${os}-x64`);
  const file = path.join(folder, `nx-azure-cache-${os}.exe`);
  await buildBinary(file, platform);
  return file;
}

/** @param {Machine} machine */
async function printsVersion({ program }) {
  const { stdout } = await run(program, ['version'], { timeout: 60_000 });
  assert.equal(stdout.trim(), `nx-azure-cache version ${version}`);
}

/** @param {Machine} machine */
async function endsWithStdin({ program }) {
  const { output } = await run(program, ['serve'], {
    input: '',
    timeout: 60_000,
  });
  assert.equal(output, '');
}

/**
 * Starts a server, and collects its output and notifications.
 *
 * @param {Machine} machine
 * @param {string} workspace
 */
async function open(machine, workspace) {
  /** @type {Record<string, any>[]} */
  const stored = [];
  let text = '';
  let ended = '';
  const client = await Client.start(machine.program, ['serve'], process.env, {
    onLog: ({ level, message }) => (text += `${level} ${message}\n`),
    onStderr: (more) => (text += more),
    onStored: (params) => stored.push(params),
    onEnd: (why) => (ended = why),
  });
  atEnd(() => client.close());
  const session = await client.call(
    'initialize',
    {
      protocolVersion: 1,
      clientVersion: version,
      processId: process.pid,
      workspaceRoot: machine.path(workspace),
      nxVersion: '24.0.6',
      ci: false,
      config: { container },
    },
    20_000,
  );
  assert.equal(session.enabled, true, session.reason);
  return {
    stored,
    said: () => text + ended,
    call: (/** @type {string} */ method, /** @type {object} */ params) =>
      client.call(method, params, 20_000),
    close: () => client.close(),
  };
}

/** The outputs of a task, with names that Windows allows. */
const outputs = {
  'dist/site/index.html': '<p>ü</p>\n',
  'dist/site/empty': '',
  'dist/site/deep/er/and deeper.txt': 'x'.repeat(100_000),
};

/**
 * One machine stores a result, another restores it.
 *
 * @param {Machine} from
 * @param {Machine} to
 * @param {string} folder
 */
async function exchange(from, to, folder) {
  const hash = `${Date.now()}${Math.floor(Math.random() * 1e6)}`;
  const terminalOutput = `built by ${from.name}\n`;
  const [source, target] = [path.join(folder, 'a'), path.join(folder, 'b')];
  for (const [name, content] of Object.entries(outputs)) {
    const file = path.join(source, hash, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
  fs.mkdirSync(target, { recursive: true });

  const writer = await open(from, source);
  const accepted = await writer.call('store', {
    ...{ hash, cacheDirectory: from.path(source), code: 0, terminalOutput },
  });
  assert.deepEqual(accepted, { queued: true, reason: '' });
  const { stored } = await writer.call('shutdown', {});
  assert.equal(stored, 1, JSON.stringify(writer.stored));
  writer.close();

  const reader = await open(to, target);
  const cacheDirectory = to.path(target);
  const hit = await reader.call('retrieve', { hash, cacheDirectory });
  assert.equal(hit?.terminalOutput, terminalOutput, reader.said());
  assert.equal(hit.code, 0);
  assert.equal(hit.outputsPath, to.path(path.join(target, hash)));
  await reader.call('shutdown', {});
  reader.close();
  assert.equal(reader.said(), '');
  assert.deepEqual(contents(path.join(target, hash)), outputs);
}

/** @param {string} folder */
function contents(folder) {
  const files = namesBelow(folder)
    .map((name) => /** @type {const} */ ([name, path.join(folder, name)]))
    .filter(([, file]) => fs.statSync(file).isFile())
    .map(([name, file]) => [name, fs.readFileSync(file, 'utf8')]);
  return Object.fromEntries(files);
}

/**
 * @param {Machine} machine
 * @param {string} folder
 */
async function misses(machine, folder) {
  const session = await open(machine, folder);
  const cacheDirectory = machine.path(folder);
  const result = await session.call('retrieve', { hash: '1', cacheDirectory });
  assert.equal(result, null);
  session.close();
}

/**
 * The variable in which the launcher of the npm package describes the workspace.
 *
 * @param {Machine} machine
 * @param {string} folder
 */
const workspaceOf = (machine, folder) => ({
  NX_AZURE_CACHE_WORKSPACE: JSON.stringify({
    workspaceRoot: machine.path(folder),
    ci: false,
    config: { container },
  }),
});

/**
 * @param {Machine} machine
 * @param {string} connectionString
 */
async function lists(machine, connectionString) {
  const blobs = await listBlobs(connectionString, container);
  assert.equal(blobs.length, 3);
  const { stdout } = await run(machine.program, ['ls'], {
    env: { ...process.env, ...workspaceOf(machine, '/tmp') },
    timeout: 60_000,
  });
  for (const { name } of blobs) {
    const hash = /** @type {string} */ (name.split('/').at(-1));
    assert.ok(stdout.includes(hash), stdout);
  }
}

/**
 * Asserts that doctor reports the same on all machines: with an account key, a run
 * can change entries that others trust.
 *
 * @param {Machine[]} machines
 * @param {string} folder
 */
async function doctor(machines, folder) {
  const reports = [];
  for (const machine of machines) {
    const { code, output } = await attempt(machine.program, ['doctor'], {
      env: { ...process.env, ...workspaceOf(machine, folder) },
      timeout: 120_000,
    });
    assert.match(output, /^ +ok +reading a small entry/m);
    // Times and rates differ.
    const comparable = output
      .replace(/[\d.]+ *(ms|µs|s|MB\/s)\b/g, '…')
      .replace(/request [\da-f-]+/g, 'request …');
    reports.push({ code, output: comparable });
  }
  assert.deepEqual(reports[0], reports[1]);
}

runMain(main);
