'use strict';

// The composite action of .github/actions/setup, without GitHub: its keys exist, no expression
// is in a script, and its scripts do in bash what its inputs say. Also the devcontainer.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { blocks, read } = require('./pages');
const { hasOnly } = require('./workflows');

/** @import { TestContext } from 'node:test' */

const file = '.github/actions/setup/action.yml';
const document = yaml.parseDocument(read(file));
const action = document.toJS();
const [variables, doctor] = action.runs.steps;

/** What an expression of GitHub may be replaced by. */
const expression = /\$\{\{ *([\w.-]+) *\}\}/g;

/** The defaults of the inputs. */
const defaults = Object.fromEntries(
  Object.entries(action.inputs).map(([name, input]) => [name, input.default]),
);

/**
 * Runs the steps of the action as GitHub does, in bash.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} inputs
 * @param {{ github?: Record<string, string>, files?: string[], code?: number }} [options]
 *   the context of GitHub, the workspace's files, the exit code of doctor
 */
function use(t, inputs, { github = {}, files = [], code = 0 } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'action-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const at = (/** @type {string} */ name) => path.join(folder, name);
  for (const name of files) fs.writeFileSync(at(name), '');
  fs.mkdirSync(at('bin'));
  for (const name of ['npx', 'pnpm', 'yarn', 'bunx']) {
    const script = `#!/bin/sh\necho "${name} $*" >> "$COMMANDS"\nexit ${code}\n`;
    fs.writeFileSync(at(`bin/${name}`), script, { mode: 0o755 });
  }
  for (const name of ['env', 'output', 'commands']) {
    fs.writeFileSync(at(name), '');
  }
  /** @type {Record<string, string>} */
  const context = {
    ...Object.fromEntries(
      Object.entries({ ...defaults, ...inputs }).map(([name, value]) => [
        `inputs.${name}`,
        value,
      ]),
    ),
    'github.event.pull_request.head.repo.full_name': '',
    'github.event.pull_request.number': '',
    ...github,
  };
  // What GitHub runs for `shell: bash`. Without --norc, bash takes the socket that Node gives
  // it as stdin for a remote login, and runs ~/.bashrc.
  const flags = ['--noprofile', '--norc', '-eo', 'pipefail', '-c'];
  const run = (/** @type {any} */ step) =>
    spawnSync('bash', [...flags, step.run], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: `${at('bin')}:${process.env.PATH}`,
        GITHUB_ENV: at('env'),
        GITHUB_OUTPUT: at('output'),
        GITHUB_REPOSITORY: 'acme/shop',
        COMMANDS: at('commands'),
        ...Object.fromEntries(
          Object.entries(step.env).map(([name, value]) => [
            name,
            value.replaceAll(
              expression,
              (/** @type {string} */ _, /** @type {string} */ key) => {
                assert.ok(key in context, key);
                return context[key];
              },
            ),
          ]),
        ),
      },
    });
  const first = run(variables);
  const mode = /^mode=(.*)$/m.exec(fs.readFileSync(at('output'), 'utf8'))?.[1];
  const isChecked =
    first.status === 0 &&
    context['inputs.doctor'] !== 'off' &&
    mode !== 'no-cache';
  const second = isChecked ? run(doctor) : undefined;
  return {
    code: first.status || second?.status || 0,
    mode,
    stdout: `${first.stdout}${second?.stdout ?? ''}`,
    variables: fs.readFileSync(at('env'), 'utf8'),
    commands: fs.readFileSync(at('commands'), 'utf8'),
  };
}

describe('the action', () => {
  test('has only keys that exist, and describes all inputs and outputs', () => {
    assert.deepEqual([...document.errors, ...document.warnings], []);
    // docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
    hasOnly(
      action,
      'name description author branding inputs outputs runs',
      file,
    );
    hasOnly(action.runs, 'using steps', 'runs');
    assert.equal(action.runs.using, 'composite');
    for (const [name, input] of Object.entries(action.inputs)) {
      hasOnly(input, 'description default required', name);
      assert.equal(typeof input.default, 'string', name);
      assert.ok(input.description.length > 20, name);
      assert.ok(read(file).includes(`inputs.${name}`), `${name} is not used`);
    }
    for (const [name, output] of Object.entries(action.outputs)) {
      hasOnly(output, 'description value', name);
    }
    for (const step of action.runs.steps) {
      hasOnly(step, 'name id if shell working-directory env run', step.name);
      assert.equal(step.shell, 'bash');
    }
  });

  test('uses no other action, and no expression in a script', () => {
    for (const step of action.runs.steps) {
      assert.ok(!('uses' in step));
      assert.doesNotMatch(step.run, /\$\{\{/);
      const { status, stderr } = spawnSync('bash', ['-n', '-c', step.run]);
      assert.equal(status, 0, `${stderr}`);
    }
    assert.equal(
      doctor.if,
      "inputs.doctor != 'off' && steps.variables.outputs.mode != 'no-cache'",
    );
  });

  test('sets the variables, and runs doctor', (t) => {
    const used = use(t, {
      'tenant-id': 'tenant',
      'client-id': 'client',
      license: 'a.b.c',
    });
    assert.equal(
      used.variables,
      'AZURE_TENANT_ID=tenant\nAZURE_CLIENT_ID=client\nNX_AZURE_CACHE_CREDENTIAL=github-actions\nNX_POWERPACK_LICENSE=a.b.c\n',
    );
    assert.equal(used.commands, 'npx --no-install nx-azure-cache doctor\n');
    assert.equal(used.code, 0);
    assert.equal(used.mode, '');
  });

  test('turns the cache off for forks', (t) => {
    const number = { 'github.event.pull_request.number': '7' };
    const head = 'github.event.pull_request.head.repo.full_name';
    for (const fork of ['mallory/shop', '']) {
      const github = { ...number, [head]: fork };
      const used = use(t, { license: 'x', mode: 'read-write' }, { github });
      assert.equal(used.variables, 'NX_POWERPACK_CACHE_MODE=no-cache\n');
      assert.equal(used.commands, '');
      assert.equal(used.mode, 'no-cache');
    }
    const github = { ...number, [head]: 'acme/shop' };
    const { variables: set } = use(t, { mode: 'read-only' }, { github });
    assert.match(set, /^NX_POWERPACK_CACHE_MODE=read-only$/m);
  });

  test('rejects a value that would set another variable', (t) => {
    for (const name of ['tenant-id', 'client-id', 'credential', 'license']) {
      for (const end of ['\n', '\r\n']) {
        const used = use(t, { [name]: `x${end}NODE_OPTIONS=--require=./evil` });
        assert.equal(used.code, 1, name);
        assert.match(
          used.stdout,
          new RegExp(`::error .*the input ${name} has`),
        );
        assert.doesNotMatch(used.variables, /NODE_OPTIONS/);
      }
    }
    for (const name of ['mode', 'doctor']) {
      const used = use(t, { [name]: 'x\nNODE_OPTIONS=y' });
      assert.equal(used.code, 1);
      assert.equal(used.variables, '');
    }
  });

  test('does not run what is in a value', (t) => {
    const value = '$(touch ran)`touch ran`"; touch ran; \'';
    const used = use(t, { 'client-id': value, license: value });
    assert.ok(used.variables.includes(`AZURE_CLIENT_ID=${value}\n`));
    assert.equal(used.commands, 'npx --no-install nx-azure-cache doctor\n');
  });

  test('a failed check is a warning, or fails the job', (t) => {
    const reported = use(t, {}, { code: 1 });
    assert.equal(reported.code, 0);
    assert.match(reported.stdout, /^::warning title=nx-azure-cache::.*code 1/m);
    assert.equal(use(t, { doctor: 'fail' }, { code: 2 }).code, 2);
    const off = use(t, { doctor: 'off' }, { code: 1 });
    assert.deepEqual([off.code, off.commands], [0, '']);
  });

  for (const [lockfile, command] of [
    ['package-lock.json', 'npx --no-install'],
    ['pnpm-lock.yaml', 'pnpm exec'],
    ['yarn.lock', 'yarn run'],
    ['bun.lock', 'bunx --no-install'],
    ['bun.lockb', 'bunx --no-install'],
  ]) {
    test(`runs doctor with ${command}, because of ${lockfile}`, (t) => {
      const { commands } = use(t, {}, { files: [lockfile] });
      assert.equal(commands, `${command} nx-azure-cache doctor\n`);
    });
  }

  test('is documented with all inputs', () => {
    const page = read('docs/ci/github-actions.md');
    for (const name of Object.keys(action.inputs)) {
      assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'));
    }
    const used = blocks(page, 'yaml').join('\n');
    assert.match(
      used,
      /uses: nx-azure-cache\/nx-azure-cache\/\.github\/actions\/setup@v0/,
    );
  });
});

describe('the devcontainer', () => {
  const container = JSON.parse(read('.devcontainer/devcontainer.json'));

  test('has the Go of go.mod, a Node that the package supports, and a C compiler', () => {
    const [, version] = /^go (\d+\.\d+)/m.exec(read('go.mod')) ?? [];
    // The image is Debian with gcc (buildpack-deps), which the race detector needs.
    assert.equal(
      container.image,
      `mcr.microsoft.com/devcontainers/go:${version}-bookworm`,
    );
    const [[feature, { version: node }]] = Object.entries(container.features);
    assert.match(feature, /^ghcr\.io\/devcontainers\/features\/node:1$/);
    const { engines } = JSON.parse(read('package.json'));
    assert.ok(Number(node) >= Number(engines.node.replace('>=', '')));
  });

  test('installs as CONTRIBUTING.md says, and has only keys that exist', () => {
    // containers.dev/implementors/json_reference
    hasOnly(
      container,
      'name image features postCreateCommand customizations',
      'devcontainer.json',
    );
    assert.equal(container.postCreateCommand, 'npm install --no-save');
    assert.ok(read('CONTRIBUTING.md').includes(container.postCreateCommand));
    assert.ok(read('CONTRIBUTING.md').includes('.devcontainer/'));
  });
});
