'use strict';

// Which variables the process was started with, and which a .env file set.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { createCipheriv, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { initialVariables, readEnvironment } = require('../lib/environment');
const {
  fakeServer,
  runAsNx,
  root: repository,
  packageFolder,
  temporaryFolder,
} = require('./fixture');
const { patience } = require('../../../scripts/kit/patience');

/** @import { TestContext } from 'node:test' */

const nx = path.join(repository, 'node_modules', 'nx');
const isLinux = process.platform === 'linux';

/**
 * Runs a process that loads .env files as Nx does, and returns what it finds.
 *
 * @param {TestContext} t
 * @param {Record<string, string>} files of the workspace
 * @param {NodeJS.ProcessEnv} env of the process
 * @param {{ isKnown?: boolean, then?: string, cwd?: string }} [options] `isKnown`:
 *   whether the system keeps the initial environment; `then` is code that runs
 *   after the files are loaded
 */
function look(t, files, env, { isKnown = isLinux, then = '', cwd = '.' } = {}) {
  const workspace = temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(workspace, name)), { recursive: true });
    fs.writeFileSync(path.join(workspace, name), text);
  }
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '-e',
      `const { log } = console;
      console.log = () => {}; // dotenv prints that it decrypts
      require(${JSON.stringify(path.join(nx, 'package.json'))});
      const { loadRootEnvFiles } = require(require.resolve('nx/src/utils/dotenv', { paths: [${JSON.stringify(repository)}] }));
      loadRootEnvFiles(${JSON.stringify(workspace)});
      ${then}
      const { readEnvironment } = require(${JSON.stringify(path.join(packageFolder, 'lib', 'environment'))});
      const { variables, claims } = readEnvironment(${JSON.stringify(workspace)} ${isKnown ? '' : ', null'});
      log(JSON.stringify({ variables, claims, seen: process.env }));`,
    ],
    {
      cwd: path.join(workspace, cwd),
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
      timeout: patience,
    },
  );
  assert.equal(stderr, '');
  /** @type {{ variables: NodeJS.ProcessEnv, claims: import('../lib/environment').Claim[], seen: NodeJS.ProcessEnv }} */
  const found = JSON.parse(stdout);
  assert.equal(found.variables.PATH, process.env.PATH);
  return found;
}

/** @param {import('../lib/environment').Claim[]} claims */
const named = (claims) => claims.map(({ name }) => name).sort();

describe(
  'where the system knows the initial environment',
  {
    skip: !isLinux && 'only Linux does',
  },
  () => {
    test('variables that it lacks or has empty are claims', (t) => {
      const { variables, claims, seen } = look(
        t,
        {
          '.env': 'ADDED=file\nFILLED=file\nREAL=file\nLOCAL=second\n',
          '.env.local': 'LOCAL=file\n',
        },
        { FILLED: '', REAL: 'outside', KEPT: 'outside', EMPTY: '' },
        { then: `process.env.CODE = 'code'; process.env.KEPT = 'changed'` },
      );
      assert.equal(seen.FILLED, 'file', 'Nx fills what is empty');
      const { ADDED, FILLED, REAL, KEPT, EMPTY } = variables;
      assert.deepEqual(
        { ADDED, FILLED, REAL, KEPT, EMPTY },
        {
          ...{ ADDED: undefined, FILLED: '', REAL: 'outside' },
          ...{ KEPT: 'outside', EMPTY: '' },
        },
      );
      assert.deepEqual(
        claims.sort((a, b) => (a.name < b.name ? -1 : 1)),
        [
          { name: 'ADDED', value: 'file', file: '.env' },
          { name: 'CODE', value: 'code', file: '' },
          { name: 'FILLED', value: 'file', file: '.env', isEmpty: true },
          { name: 'LOCAL', value: 'file', file: '.env.local' },
        ],
      );
    });

    test('a variable with the same value in a file is not a claim', (t) => {
      const { variables, claims } = look(
        t,
        { '.env': 'CI=true\n' },
        { CI: 'true' },
      );
      assert.equal(variables.CI, 'true');
      assert.deepEqual(claims, []);
    });

    for (const [what, mark] of Object.entries({
      'Nx in a task of Nx': { NX_TASK_TARGET_PROJECT: 'app' },
      'a script of Bun': { npm_config_user_agent: 'bun/1.1.0 npm/? node/v22' },
      'Bun by its path': { npm_execpath: '/home/me/.bun/bin/bun' },
    })) {
      test(`${what} may have read the file`, (t) => {
        const { variables, claims } = look(
          t,
          {
            '.env': 'CI=false\nREAL=file\n',
            '.env.production.local': 'PRODUCTION=file\n',
            'app/.env.build': 'BUILD=file\n',
          },
          {
            ...{ CI: 'false', PRODUCTION: 'file', BUILD: 'file' },
            ...{ REAL: 'outside', KEPT: 'outside', ...mark },
          },
          { cwd: 'app' },
        );
        assert.deepEqual(named(claims), ['BUILD', 'CI', 'PRODUCTION']);
        assert.equal(variables.CI, undefined);
        assert.equal(variables.REAL, 'outside');
        assert.equal(variables.KEPT, 'outside');
      });
    }

    test('a child of Nx may have inherited it from a .env file', (t) => {
      const { claims } = look(
        t,
        { '.env': 'CI=false\n', '.env.build': 'BUILD=file\n' },
        { CI: 'false', BUILD: 'file', NX_CLI_SET: 'true' },
      );
      assert.deepEqual(named(claims), ['CI']);
    });

    test('Yarn may have read it from .env.yarn', (t) => {
      const { variables, claims } = look(
        t,
        { '.env.yarn': 'CI=false\n', '.env': 'REAL=outside\n' },
        { CI: 'false', REAL: 'outside' },
      );
      assert.deepEqual(claims, [
        { name: 'CI', value: 'false', file: '.env.yarn' },
      ]);
      assert.equal(variables.REAL, 'outside');
    });

    test('a .env file cannot hide Bun', (t) => {
      const { claims } = look(
        t,
        { '.env': 'npm_config_user_agent=npm/10\nCI=false\n' },
        { npm_config_user_agent: 'npm/10', CI: 'false' },
      );
      assert.deepEqual(named(claims), ['CI', 'npm_config_user_agent']);
    });
  },
);

describe('where the initial environment is unknown', () => {
  const isKnown = false;

  test('a variable that a file may have set is a claim', (t) => {
    const { variables, claims } = look(
      t,
      {
        '.env': `A=1\nexport B = "two words" # a comment\nC: 3\nD='\n4\n'\r\nREAL=file\n`,
        '.local.env': 'E=5\n',
        '.env.build': 'KEPT=6\n',
      },
      { REAL: 'outside', KEPT: '6' },
      { isKnown, then: `process.env.NX_CLI_SET = 'true'` }, // as Nx does
    );
    assert.deepEqual(named(claims), ['A', 'B', 'C', 'D', 'E']);
    assert.deepEqual(
      claims.find(({ name }) => name === 'E'),
      { name: 'E', value: '5', file: '.local.env' },
    );
    assert.equal(variables.REAL, 'outside');
    assert.equal(variables.KEPT, '6', 'Nx does not load that file');
  });

  test('a reference to another variable does not hide it', (t) => {
    // A second evaluation would give another value.
    const { claims, seen } = look(
      t,
      {
        '.env':
          'DEFAULT=x\nBRANCH=${DEFAULT}\nREF=${LATER:+x}refs/heads/main\nSELF=${SELF:-main}\nESCAPED=a\\$b\n',
      },
      { DEFAULT: 'main' },
      { isKnown, then: `process.env.LATER = '1'` },
    );
    const { BRANCH, REF } = seen;
    assert.deepEqual(
      { BRANCH, REF },
      { BRANCH: 'main', REF: 'refs/heads/main' },
    );
    for (const name of ['BRANCH', 'REF', 'SELF', 'ESCAPED']) {
      assert.ok(named(claims).includes(name), name);
    }
  });

  test('an encrypted file does not hide it', (t) => {
    const key = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const encrypted = Buffer.concat([
      nonce,
      cipher.update('CI=false\n'),
      cipher.final(),
      cipher.getAuthTag(),
    ]).toString('base64');
    const { claims, seen } = look(
      t,
      {
        '.env': 'UNUSED=1\n',
        '.env.vault': `DOTENV_VAULT_CI="${encrypted}"\n`,
      },
      {
        DOTENV_KEY: `dotenv://:key_${key.toString('hex')}@dotenvx.com/vault/.env.vault?environment=ci`,
      },
      { isKnown },
    );
    assert.equal(seen.CI, 'false', 'dotenv decrypts it: the test bites');
    assert.ok(named(claims).includes('CI'), JSON.stringify(claims));
  });

  test('without a file there is no claim', (t) => {
    const { claims } = look(t, {}, { CI: 'true' }, { isKnown });
    assert.deepEqual(claims, []);
  });
});

test('reads the initial environment unchanged', { skip: !isLinux }, (t) => {
  const file = path.join(temporaryFolder(t), 'environ');
  fs.writeFileSync(file, 'A=1\0B=\0C=x=y\0A=2\0ü=ü\0__proto__=x\0junk\0');
  assert.deepEqual(Object.entries(initialVariables(file) ?? {}), [
    ...[
      ['A', '1'],
      ['B', ''],
      ['C', 'x=y'],
      ['ü', 'ü'],
      ['__proto__', 'x'],
    ],
  ]);
  assert.equal(initialVariables(path.join(file, 'nowhere')), null);
});

test('Nx sees the initial environment, and then all variables again', () => {
  const before = process.env;
  const environment = readEnvironment('/nowhere', { CI: 'true' });
  assert.deepEqual(
    environment.withOuterVariables(() => ({ ...process.env })),
    { CI: 'true' },
  );
  assert.throws(() =>
    environment.withOuterVariables(() => {
      throw new Error('of Nx');
    }),
  );
  assert.equal(process.env, before);
});

test('claims in a variable have a limit; long ones are dropped first', (t) => {
  const { claims } = look(
    t,
    { '.env': `CI=false\nLONG=${'x'.repeat(20_000)}\nREF=main\n` },
    {},
  );
  assert.deepEqual(named(claims), ['CI', 'LONG', 'REF']);
  const environment = readEnvironment('/nowhere', {});
  environment.claims = claims;
  assert.deepEqual(named(environment.claimsForCommand() ?? []), ['CI', 'REF']);
  assert.deepEqual(named(environment.claimsForServer() ?? []), [
    'CI',
    'LONG',
    'REF',
  ]);
  environment.claims = [];
  assert.equal(environment.claimsForServer(), undefined);
  assert.equal(environment.claimsForCommand(), undefined);
});

/**
 * A run whose Nx has loaded a .env file. Returns what the server receives.
 *
 * @param {TestContext} t
 * @param {string} dotenv
 * @param {NodeJS.ProcessEnv} [env]
 */
async function runWith(t, dotenv, env) {
  const workspace = temporaryFolder(t);
  fs.writeFileSync(path.join(workspace, '.env'), dotenv);
  const got = path.join(temporaryFolder(t), 'got');
  const binary = fakeServer(
    t,
    (server, got) =>
      server.on('initialize', (params, respond) => {
        require('node:fs').writeFileSync(
          got,
          JSON.stringify({ params, env: process.env }),
        );
        respond.result(server.hello({ idleTimeout: 60_000 }));
      }),
    got,
  );
  const { lines } = await runAsNx(
    t,
    async ({ open, cacheDirectory }, { dotenv, workspace }) => {
      require(dotenv).loadRootEnvFiles(workspace);
      await (await open()).retrieve('123', cacheDirectory);
    },
    {
      args: {
        dotenv: require.resolve('nx/src/utils/dotenv'),
        workspace,
      },
      ...{ binary, env, workspace },
    },
  );
  /** @type {{ params: any, env: NodeJS.ProcessEnv }} */
  const { params, env: its } = JSON.parse(fs.readFileSync(got, 'utf8'));
  return { params, env: its, lines };
}

test('a run gets variables from .env files only as claims', async (t) => {
  const trace = path.join(temporaryFolder(t), 'trace');
  const { params, env, lines } = await runWith(
    t,
    `CI=true\nNX_AZURE_CACHE_BINARY=/x\nNX_AZURE_CACHE_TRACE=${trace}\nNX_AZURE_CACHE_LOG=debug\nHTTPS_PROXY=http://x\nLD_PRELOAD=/x.so\n`,
  );
  assert.equal(params.ci, false, 'isCI sees CI of .env');
  assert.deepEqual(named(params.claims), [
    ...['CI', 'HTTPS_PROXY', 'LD_PRELOAD'],
    ...['NX_AZURE_CACHE_LOG', 'NX_AZURE_CACHE_TRACE'],
  ]);
  for (const name of named(params.claims)) assert.ok(!(name in env), name);
  assert.ok(!fs.existsSync(trace));
  assert.deepEqual(lines, []);
});

test('CI=false in a .env file does not turn CI into a developer', async (t) => {
  const { params } = await runWith(t, 'CI=false\n', {
    CODEBUILD_BUILD_ID: 'shop:1',
  });
  assert.equal(params.ci, true);
});

// A claim that is not sent counts as unset, and a .env file can hide the real value.
test(
  'many claims hide no other',
  { skip: !isLinux && 'it reads what only Linux tells' },
  async (t) => {
    const many = Array.from({ length: 600 }, (_, i) => `V${i}=1\n`).join('');
    const { params } = await runWith(
      t,
      `${many}npm_execpath=x\nCI=true\nCIRCLE_PULL_REQUEST=x/12\n`,
      { CI: 'true', CIRCLE_PULL_REQUEST: 'x/12' },
    );
    const names = named(params.claims);
    assert.ok(names.includes('CI') && names.includes('CIRCLE_PULL_REQUEST'));
    assert.equal(names.length, 600 + 3);
  },
);

test('a trace does not contain the values of claims', async (t) => {
  const trace = path.join(temporaryFolder(t), 'trace');
  const { params } = await runWith(t, 'PASSWORD=hunter2\n', {
    NX_AZURE_CACHE_TRACE: trace,
  });
  const [claim] = params.claims;
  assert.deepEqual(claim, { name: 'PASSWORD', value: 'hunter2', file: '.env' });
  const text = fs.readFileSync(trace, 'utf8');
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /"name":"PASSWORD","value":"a value of 7 characters"/);
});
