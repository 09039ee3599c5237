'use strict';

// Shared by the tests of the generator init, which use the real binary.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before } = require('node:test');
const { buildServer } = require('../../../scripts/kit/sessions/programs');
const { runCheck } = require('../generators/init/config-check');
const { initGenerator } = require('../generators/init/generator');
const { workspace } = require('./workspace-fixture');

/** @typedef {import('../generators/init/schema').InitGeneratorSchema} Options */
/** @typedef {import('../generators/init/config-check').Check} Check */

const binaries = fs.mkdtempSync(path.join(os.tmpdir(), 'azure-init-binary-'));
const binary = path.join(binaries, 'nx-azure-cache');
before(() => buildServer(binaries, 'development'));
after(() => fs.rmSync(binaries, { recursive: true }));

/**
 * A check as in a workspace without .env files.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {import('../generators/init/config-check').Check}
 */
const checkWith = (env) => (block, variables) => {
  const all = { ...env, ...variables };
  const key = JSON.stringify([block, all]);
  const known = checked.get(key) ?? runCheck(binary, block, all);
  checked.set(key, known);
  return structuredClone(known);
};

/**
 * What the binary said: a generator asks repeatedly about one block, and so do the tests.
 *
 * @type {Map<string, import('../generators/init/config-check').ConfigCheck>}
 */
const checked = new Map();

const LICENSED = { NX_POWERPACK_LICENSE: 'a license' };
const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=aHVzaC1odXNo==';

/**
 * Runs the generator, answers its questions, and returns the result.
 *
 * @param {ReturnType<typeof workspace>} tree
 * @param {Options} [options]
 * @param {{ env?: NodeJS.ProcessEnv, answers?: string[], check?: Check }} [io]
 */
async function init(
  tree,
  options,
  { env = LICENSED, answers, check = checkWith(env) } = {},
) {
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
    check,
    ...(answers && { ask }),
  });
  callback();
  const text = tree.read('nx.json', 'utf8') ?? '';
  // Each run ends with the way to the first hit, which init-first-hit.test.js tests.
  const at = lines.indexOf('Then:');
  const output = lines.slice(0, at - 1).join('\n');
  return { text, asked, output, firstHit: lines.slice(at).join('\n') };
}

/** @param {string} text */
const azure = (text) => JSON.parse(text).azure;

/** @param {...string} lines */
const file = (...lines) => lines.join('\n') + '\n';

const COMPLETE = { container: 'nxcache', accountName: 'acc' };
const MODES = { localMode: 'read-write', ciMode: 'read-write' };

/** The line if no secret is set. */
const NO_CONNECTION =
  'Neither AZURE_STORAGE_CONNECTION_STRING nor NX_AZURE_CACHE_SAS_URL is set here: the cache will use Entra ID, such as the account of az login.';

module.exports = {
  ...{ COMPLETE, CONNECTION, LICENSED, MODES, NO_CONNECTION },
  ...{ azure, binary, checkWith, file, init, workspace },
};
