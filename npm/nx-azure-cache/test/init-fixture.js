'use strict';

// What the tests of the generator init share.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FsTree } = require('nx/src/generators/tree');
const { initGenerator } = require('../generators/init/generator');

/** @typedef {import('../generators/init/schema').InitGeneratorSchema} Options */
/** @typedef {import('node:test').TestContext} TestContext */

const LICENSED = { NX_POWERPACK_LICENSE: 'a licence' };
const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=aHVzaC1odXNo==';

/**
 * A workspace on disk with these files.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} files
 */
function workspace(t, files) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'azure-init-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), content);
  }
  return new FsTree(root, false);
}

/**
 * Runs the generator, answering its questions, and says what came of it.
 *
 * @param {InstanceType<typeof FsTree>} tree
 * @param {Options} [options]
 * @param {{ env?: NodeJS.ProcessEnv, answers?: string[] }} [world]
 */
async function init(tree, options, { env = LICENSED, answers } = {}) {
  /** @type {string[]} */
  const lines = [];
  /** @type {string[]} */
  const asked = [];
  const log = (/** @type {string} */ line) => void lines.push(line);
  const ask = async (/** @type {string} */ question) => {
    asked.push(question.split(' (')[0]);
    return answers?.shift() ?? assert.fail(`not expected: ${question}`);
  };
  const callback = await initGenerator(tree, options, {
    env,
    log,
    ...(answers && { ask }),
  });
  callback();
  const text = tree.read('nx.json', 'utf8') ?? '';
  return { text, asked, output: lines.join('\n') };
}

/** @param {string} text */
const azure = (text) => JSON.parse(text).azure;

/** @param {...string} lines */
const file = (...lines) => lines.join('\n') + '\n';

const COMPLETE = { container: 'nxcache', accountName: 'acc' };
const MODES = { localMode: 'read-write', ciMode: 'read-write' };

/** The line where nothing secret is set. */
const NO_CONNECTION =
  'No AZURE_STORAGE_CONNECTION_STRING and no NX_AZURE_CACHE_SAS_URL is set here: whoever is signed in with Entra ID will be used, such as with az login.';

module.exports = {
  ...{ COMPLETE, CONNECTION, LICENSED, MODES, NO_CONNECTION },
  ...{ azure, file, init, workspace },
};
