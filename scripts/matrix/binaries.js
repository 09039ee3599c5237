'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { buildBinary, copySource, platforms } = require('../build');

/** @import { Shared } from './cell' */

/**
 * All binaries, compiled once more in another folder and from nothing: what Go has
 * compiled before is not used, as scripts/build.test.js does.
 */
class BinariesRun {
  /**
   * @param {unknown} _
   * @param {Shared} shared
   */
  constructor(_, shared) {
    this.shared = shared;
  }

  async run() {
    const { folder, packages } = this.shared;
    const source = path.join(folder, 'source');
    copySource(source);
    const env = { ...process.env, GOCACHE: path.join(folder, 'compiled') };
    for (const platform of platforms) {
      const { os, cpu } = platform;
      const extension = os === 'win32' ? '.exe' : '';
      const bin = path.join(packages, '@nx-azure-cache', `${os}-${cpu}`, 'bin');
      const one = fs.readFileSync(path.join(bin, `nx-azure-cache${extension}`));
      const file = path.join(folder, 'again');
      await buildBinary(file, platform, undefined, { source, env });
      assert.ok(one.equals(fs.readFileSync(file)), `${os}-${cpu} differs`);
    }
  }
}

exports.BinariesRun = BinariesRun;
