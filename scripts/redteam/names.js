'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { testFiles } = require('../kit/test-files');

/** What the test files demand of scripts/redteam.js when they are loaded. */
const placeholders = {
  E2E_FOLDER: root,
  E2E_AZURITE: 'AccountName=none;AccountKey=none',
  E2E_REGISTRY: 'http://127.0.0.1:0',
  REDTEAM_TARGET: '{"hash":"0","honest":""}',
};

/**
 * The names of all attacks, without running one. Loading the files finds names
 * that are made in a loop, too.
 *
 * @returns {Promise<string[]>}
 */
async function attackNames() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redteam-names-'));
  const list = path.join(folder, 'names');
  try {
    for (const file of testFiles('scripts/redteam')) {
      await run(process.execPath, [file], {
        env: { ...process.env, ...placeholders, REDTEAM_LIST: list },
      });
    }
    return fs.readFileSync(list, 'utf8').trim().split('\n');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

exports.attackNames = attackNames;
