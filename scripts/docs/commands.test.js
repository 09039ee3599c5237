'use strict';

// Runs the commands in the pages that make and show keys and licenses, and the shell for a CI.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { temporaryFolder } = require('../kit/cleanup');
const { root } = require('../kit/root');
const { go } = require('../kit/go');
const { run } = require('../kit/run');
const { blocks, commands } = require('./code');

/** @type {string} */
let folder;
/** @type {string} */
let binary;
/** @type {string} */
let issuer;

before(async () => {
  folder = temporaryFolder('docs');
  binary = path.join(folder, 'nx-azure-cache');
  issuer = path.join(folder, 'nx-azure-license');
  const packages = ['./cmd/nx-azure-cache', './cmd/nx-azure-license'];
  await go(['build', '-o', folder, ...packages]);
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** An environment without anything specific to this machine. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME };

describe('keys', () => {
  test('openssl and keys generate make keys that keys show and a run accept', async () => {
    const cwd = folder;
    // The block of docs/security/setup.md, unchanged.
    const block = blocks.find(({ code }) => code.startsWith('openssl genpkey'));
    assert.ok(block);
    const { stdout } = await run('bash', ['-ec', block.code], { cwd });
    const publicKey = stdout.replaceAll('\n', '');
    await run(binary, ['keys', 'generate', '--out', 'key.pem'], { cwd });

    const forms = new Set(
      commands
        .map(({ command }) => command)
        .filter((command) => command.startsWith('openssl base64')),
    );
    assert.ok(forms.size >= 2, [...forms].join());
    for (const command of [
      ...forms,
      'cat nx-cache.pem',
      'printf nx-cache.pem',
    ]) {
      const key = (await run('bash', ['-ec', command], { cwd })).stdout;
      const shown = await run(binary, ['keys', 'show'], {
        cwd,
        env: { ...env, NX_AZURE_CACHE_SIGNING_KEY: key },
      });
      assert.match(
        shown.stdout,
        /^key ID {6}[0-9a-f]{16}\npublic key {2}\S+\n$/,
      );
      if (command.includes('nx-cache.pem')) {
        assert.ok(shown.stdout.includes(publicKey), command);
      }
      const [secret] = key.split('\n').filter((line) => /^M/.test(line));
      if (secret) assert.ok(!shown.stdout.includes(secret));
    }
    const { stdout: ofFile } = await run(
      binary,
      ['keys', 'show', 'nx-cache.pem'],
      { cwd },
    );
    assert.ok(ofFile.includes(publicKey));
  });

  test('keys generate prints what docs/security/setup.md shows', async () => {
    const script = '"$0" keys generate --out shown.pem 2>&1';
    const { stdout } = await run('bash', ['-ec', script, binary], {
      cwd: folder,
    });
    const block = blocks.find(({ code }) => code.startsWith('key ID'));
    const withoutKey = (/** @type {string} */ text) =>
      text
        .replace(/[0-9a-f]{16}/, 'ID')
        .replaceAll(/(MCowBQYDK2VwAyEA)[\w+/=…]+/g, '$1');
    assert.equal(block && withoutKey(block.code), withoutKey(stdout));
  });

  test('the command for certificates converts a certificate', async () => {
    const cwd = folder;
    const found = commands.filter(({ command }) =>
      command.startsWith('openssl x509'),
    );
    assert.equal(found.length, 1);
    await run(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ed25519',
          '-nodes',
          '-subj',
          '/CN=test',
        ],
        ...['-keyout', 'ca.key', '-outform', 'der', '-out', 'ca.cer'],
      ],
      { cwd },
    );
    await run('bash', ['-ec', found[0].command], { cwd });
    assert.match(
      fs.readFileSync(path.join(cwd, 'ca.pem'), 'utf8'),
      /BEGIN CERT/,
    );
  });
});

test('the block for another CI derives the ref', async () => {
  const block = blocks.find(({ code }) => code.includes('DRONE_COMMIT_REF'));
  assert.ok(block);
  const script = `set -eu\n${block.code}\nprintf %s "$NX_AZURE_CACHE_REF"`;
  for (const [trigger, ref] of Object.entries({
    'pr/12': 'refs/pull/12',
    'branch/feature/x': 'refs/heads/feature/x',
    'tag/v1': 'refs/tags/v1',
    '': 'refs/heads/main', // on Drone
  })) {
    const { stdout } = await run('bash', ['-c', script], {
      env: {
        ...env,
        DRONE_COMMIT_REF: 'refs/heads/main',
        CODEBUILD_WEBHOOK_TRIGGER: trigger,
      },
    });
    assert.equal(stdout, ref);
  }
});

describe('licenses', () => {
  test('the commands of the issuer run, in the order of the page', async () => {
    const used = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => code.split('\n'))
      .filter((line) => line.startsWith('go run ./cmd/nx-azure-license'));
    assert.ok(used.length >= 4, used.join('\n'));
    const cwd = path.join(folder, 'licenses');
    fs.mkdirSync(cwd);
    fs.cpSync(
      path.join(root, 'testdata/license'),
      path.join(cwd, 'testdata/license'),
      { recursive: true },
    );
    const order = [
      / keygen /,
      / issue --key 2026/,
      / issue --key testdata/,
      / inspect /,
    ];
    for (const which of order) {
      const line = used.find((line) => which.test(line));
      assert.ok(line, `${which}`);
      const { stdout } = await run(
        'bash',
        ['-ec', line.replace('go run ./cmd/nx-azure-license', issuer)],
        { cwd },
      );
      if (/ issue /.test(line)) {
        assert.match(stdout, /^ey\S+\n$/);
        if (line.includes('2026-a')) {
          fs.writeFileSync(path.join(cwd, 'license.txt'), stdout);
        }
      }
    }
    for (const line of used) {
      assert.ok(
        order.some((which) => which.test(line)),
        line,
      );
    }
  });
});
