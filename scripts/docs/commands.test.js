'use strict';

// Runs every command of the pages that can run. The tables `elsewhere` and
// `readElsewhere` list the others, with the reason. A block or command in neither table fails.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const yaml = require('yaml');
const { temporaryFolder } = require('../kit/cleanup');
const { root } = require('../kit/root');
const { go } = require('../kit/go');
const { run } = require('../kit/run');
const { blocks, commands } = require('./code');
const { read } = require('./pages');

/** Programs whose commands cannot run here, and why. */
const elsewhere = {
  az: 'needs an Azure account; scripts/docs/security.test.js checks its roles and conditions',
  gh: 'needs a repository on GitHub',
  terraform: 'needs an Azure account; main.tf is in security.test.js',
  git: 'changes the repository',
  'npx tsc': '`npm test -- lint` runs it',
  'npx prettier': 'the same',
  'npm install': 'needs the published package; scripts/e2e installs it',
  'npm uninstall': 'the same',
  'npm view': 'the same',
  'npm login': 'needs a registry',
  'npm publish':
    'needs a registry; scripts/docs/publishing.test.js runs it with a fake npm',
  'npm audit': 'needs the published package',
  'npm init': 'the same',
  'npx nx':
    'needs a workspace with Nx; scripts/e2e runs nx add, run-many and reset',
};

/** Builtins of a shell, and programs that every system has. */
const ofShell =
  /^(for|do|done|case|esac|break|if|then|fi|export|cd|sed|echo|printf|node|cat|curl|base64|mktemp|[A-Z_]+=|\S+\)|\{|\}|$)/;

/** Languages of blocks that do not run here, and the test that reads them. */
const readElsewhere = {
  groovy: 'scripts/docs/ci.test.js reads the Jenkinsfile',
  ini: 'is an .npmrc or its like',
  text: 'is the output of a command, or a condition of a role: security.test.js',
  '': 'is a diagram, a listing of folders, a session (testdata/rpc) or a line of output',
};

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

const words = (/** @type {string} */ command) =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain,
  );

describe('blocks', () => {
  test('are run, read or in a table', () => {
    for (const { page, language, code } of blocks) {
      const isKnown =
        ['sh', 'json', 'yaml'].includes(language) || language in readElsewhere;
      assert.ok(isKnown, `${page}: a block of ${language}:\n${code}`);
    }
    const used = new Set(blocks.map(({ language }) => language));
    for (const language of Object.keys(readElsewhere)) {
      assert.ok(used.has(language), `there is no block of "${language}"`);
    }
  });

  test('of shell have valid syntax', async () => {
    const scripts = blocks.filter(({ language }) => language === 'sh');
    assert.ok(scripts.length > 40);
    await Promise.all(
      scripts.map(({ code }, i) => {
        const file = path.join(folder, `${i}.sh`);
        fs.writeFileSync(file, code);
        return run('bash', ['-n', file]);
      }),
    );
  });

  test('of YAML are valid', () => {
    for (const { page, code } of blocks.filter(
      ({ language }) => language === 'yaml',
    )) {
      const { errors, warnings } = yaml.parseDocument(code);
      assert.deepEqual([...errors, ...warnings], [], page);
    }
  });
});

describe('commands', () => {
  test('all use a program that runs here or is in the table', () => {
    const unknown = [];
    for (const { page, command } of commands) {
      const [program, second] = words(
        command.replace(/^([A-Z_]+=\S*\s+)+/, ''),
      );
      const isKnown =
        ofShell.test(command) ||
        program in elsewhere ||
        `${program} ${second}` in elsewhere ||
        /^(npx )?nx-azure-cache |^(keys|license) |^openssl |^npm (run|test)|^go run |^npx nx-azure-cache/.test(
          command,
        ) ||
        /^npx nx /.test(command.replace(/^([A-Z_]+=\S*\s+)+/, ''));
      if (!isKnown) unknown.push(`${page}: ${command}`);
    }
    assert.deepEqual(unknown, []);
  });

  test('the table has only programs that a page uses', () => {
    const text = commands.map(({ command }) => command).join('\n');
    for (const program of Object.keys(elsewhere)) {
      if (program === 'git') continue;
      assert.match(text, new RegExp(`(^|\\s|\\()${program} `, 'm'), program);
    }
  });

  test('npm run names a script of package.json', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const used = commands.flatMap(({ command }) =>
      [...command.matchAll(/^npm (?:run ([\w:-]+)|(test))/g)].map(
        ([, name, test]) => name ?? test,
      ),
    );
    assert.ok(used.length > 30);
    for (const name of used) assert.ok(name in scripts, `npm run ${name}`);
  });

  test('generators and their options exist', () => {
    const { generators } = JSON.parse(
      read('npm/nx-azure-cache/generators.json'),
    );
    let count = 0;
    for (const { page, command } of commands) {
      const [, name, rest] =
        /^npx nx (?:g|generate) @nx\/powerpack-azure-cache:(\w+)(.*)/.exec(
          command,
        ) ?? [];
      if (!name) continue;
      count++;
      assert.ok(name in generators, `${page}: ${command}`);
      const { properties } = JSON.parse(
        read(path.join('npm/nx-azure-cache', generators[name].schema)),
      );
      for (const [, option] of rest.matchAll(/--(\w+)/g)) {
        assert.ok(option in properties, `${page}: ${command}: ${option}`);
      }
    }
    assert.ok(count > 3);
  });

  test('commands and flags of nx-azure-cache exist', async () => {
    /** @type {Map<string, Promise<string>>} */
    const helps = new Map();
    const help = (/** @type {string[]} */ names) => {
      const key = names.join(' ');
      const found =
        helps.get(key) ??
        run(binary, [...names, '--help']).then(({ stdout }) => stdout);
      helps.set(key, found);
      return found;
    };
    let count = 0;
    for (const { page, command } of commands) {
      const line = command.replace(/^npx nx-azure-cache|^nx-azure-cache/, '');
      const isOurs =
        line !== command ||
        /^(keys|license) (generate|show|status|activate)\b/.test(command);
      if (!isOurs || /^[:/]/.test(line)) continue;
      count++;
      const [name, second] = words(line);
      if (!name || name === '…') continue;
      assert.match(
        await help([]),
        new RegExp(`^  ${name} `, 'm'),
        `${page}: ${command}`,
      );
      const parts = [name];
      if (['keys', 'license'].includes(name) && second) {
        assert.match(
          await help([name]),
          new RegExp(`^  ${second} `, 'm'),
          `${page}: ${command}`,
        );
        parts.push(second);
      }
      for (const [, flag] of line.matchAll(/\s\[?--([a-z-]+)/g)) {
        assert.match(
          await help(parts),
          new RegExp(`--${flag}\\b`),
          `${page}: ${command}`,
        );
      }
    }
    assert.ok(count > 40, `${count}`);
  });
});

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

  test('every openssl command is tested here', () => {
    for (const { page, command } of commands) {
      if (!command.startsWith('openssl ')) continue;
      assert.match(command, /^openssl (base64|genpkey|pkey|x509) /, page);
    }
  });
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
