'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const {
  assertOneLine,
  copyShim,
  fakeServer,
  installed,
  runAsNx,
} = require('./fixture');
const source = require('../lib/binary');

/** @import { TestContext } from 'node:test' */

const targets = [
  ...['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'],
  ...['win32-x64', 'win32-arm64'],
];
const supported = targets.join(', ');

/**
 * A copy of the package as scripts/build.js builds it, next to the packages of some
 * platforms.
 *
 * @param {TestContext} t
 * @param {string[]} present
 */
function built(t, present) {
  const folder = copyShim(t, installed, {
    optionalDependencies: Object.fromEntries(
      targets.map((target) => [`@nx-azure-cache/${target}`, '1.2.3']),
    ),
  });
  for (const target of present) {
    const name = `@nx-azure-cache/${target}`;
    const [platform] = target.split('-');
    const file = `nx-azure-cache${platform === 'win32' ? '.exe' : ''}`;
    const home = path.join(folder, '..', name);
    fs.mkdirSync(path.join(home, 'bin'), { recursive: true });
    fs.writeFileSync(path.join(home, 'bin', file), '');
    fs.writeFileSync(
      path.join(home, 'package.json'),
      JSON.stringify({ name, version: '1.2.3' }),
    );
  }
  const { binaryPath } = /** @type {typeof source} */ (
    require(path.join(folder, 'lib', 'binary.js'))
  );
  const modules = path.dirname(folder);
  return {
    folder,
    binaryPath,
    /** @param {string} target */
    expected: (target) =>
      path.join(
        modules,
        `@nx-azure-cache/${target}/bin/nx-azure-cache`.concat(
          target.startsWith('win32') ? '.exe' : '',
        ),
      ),
  };
}

/** @param {string} target */
function machine(target) {
  const [platform, arch] = target.split('-');
  return { env: {}, platform, arch };
}

describe('binaryPath', () => {
  for (const target of targets) {
    test(`finds the binary of ${target}`, (t) => {
      const { binaryPath, expected } = built(t, targets);
      assert.equal(binaryPath(machine(target)), expected(target));
    });

    test(`says what to do if the package for ${target} is missing`, (t) => {
      const others = targets.filter((other) => other !== target);
      const { binaryPath } = built(t, others);
      assert.throws(
        () => binaryPath(machine(target)),
        (/** @type {Error} */ err) => {
          const say = `the package @nx-azure-cache/${target} is not installed. `;
          assert.ok(err.message.startsWith(say));
          assert.match(err.message, /Install again .*--omit=optional/);
          assert.match(err.message, /lockfile/);
          assert.match(String(err.cause), /Cannot find module/);
          return true;
        },
      );
    });
  }

  test('reports a package without a binary', (t) => {
    const { binaryPath, expected } = built(t, ['linux-x64']);
    fs.rmSync(expected('linux-x64'));
    assert.throws(() => binaryPath(machine('linux-x64')), /is not installed/);
  });

  for (const target of ['freebsd-x64', 'linux-riscv64', 'linux-ia32', '-']) {
    test(`reports that ${target} is not supported`, (t) => {
      const { binaryPath } = built(t, targets);
      assert.throws(() => binaryPath(machine(target)), {
        message: `there is no binary for ${target}; supported platforms: ${supported}`,
      });
    });
  }

  test('says what to do in a source checkout', () => {
    assert.throws(() => source.binaryPath({ env: {} }), {
      message:
        'this is a source checkout: set NX_AZURE_CACHE_BINARY to the output of `go build ./cmd/nx-azure-cache`',
    });
  });

  test('prefers NX_AZURE_CACHE_BINARY, unless it is empty', (t) => {
    const { binaryPath, expected } = built(t, targets);
    const linux = machine('linux-x64');
    const env = { NX_AZURE_CACHE_BINARY: '/x' };
    assert.equal(binaryPath({ ...linux, env }), '/x');
    assert.equal(source.binaryPath({ env }), '/x');
    assert.equal(binaryPath({ platform: 'beos', env }), '/x');
    env.NX_AZURE_CACHE_BINARY = '';
    assert.equal(binaryPath({ ...linux, env }), expected('linux-x64'));
  });

  test('uses the platform of this machine', (t) => {
    const { binaryPath, expected } = built(t, targets);
    const here = `${process.platform}-${process.arch}`;
    assert.equal(binaryPath({ env: {} }), expected(here));
  });

  test('without the platform package, a run has no cache', async (t) => {
    const { folder } = built(t, []);
    const { report, lines } = await runAsNx(
      t,
      ({ getRemoteCache }) => getRemoteCache(),
      { folder },
    );
    assert.equal(report, null);
    assertOneLine(
      lines,
      'the remote cache is off: the package',
      '--omit=optional',
    );
  });

  test('with the platform package, a run has a cache', async (t) => {
    const here = `${process.platform}-${process.arch}`;
    const { folder, expected } = built(t, [here]);
    fs.copyFileSync(fakeServer(t), expected(here));
    fs.chmodSync(expected(here), 0o755);
    const { report, lines } = await runAsNx(
      t,
      async ({ open, cacheDirectory }) =>
        (await open()).store('h', cacheDirectory, '', 0),
      { folder },
    );
    assert.equal(report, true);
    assert.deepEqual(lines, []);
  });
});
