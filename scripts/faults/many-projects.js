'use strict';

// Workspaces of many projects.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/** @import { Machine } from '../kit/machine' */

/** @param {number} i */
const textOf = (i) => `the text of project ${i}\n`;

/**
 * Replaces the projects of a machine's workspace with `count` others. Their build copies a file
 * and takes no time.
 *
 * @param {Machine} machine
 * @param {number} count
 * @param {(i: number) => number[]} [dependenciesOf] the numbers of the projects
 *   on which a project depends; default: none
 */
function writeMany({ workspace }, count, dependenciesOf = () => []) {
  for (const name of ['colors', 'site', 'words']) {
    fs.rmSync(path.join(workspace, name), { recursive: true, force: true });
  }
  for (let i = 0; i < count; i++) {
    const folder = path.join(workspace, 'many', `p${i}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'text'), textOf(i));
    const command = `mkdir -p dist/p${i} && cp many/p${i}/text dist/p${i}/text && chmod 644 dist/p${i}/text`;
    fs.writeFileSync(
      path.join(folder, 'project.json'),
      JSON.stringify({
        name: `p${i}`,
        implicitDependencies: dependenciesOf(i).map((other) => `p${other}`),
        targets: { build: { command } },
      }),
    );
  }
}

/**
 * The output tree of the workspace of `writeMany`.
 *
 * @param {number} count
 */
function outputsOfMany(count) {
  /** @type {Record<string, string>} */
  const tree = {};
  for (let i = 0; i < count; i++) {
    const text = textOf(i);
    const digest = createHash('sha256').update(text).digest('hex');
    tree[`p${i}`] = '40755';
    tree[path.join(`p${i}`, 'text')] = `100644 ${text.length} ${digest}`;
  }
  return tree;
}

exports.outputsOfMany = outputsOfMany;
exports.writeMany = writeMany;
