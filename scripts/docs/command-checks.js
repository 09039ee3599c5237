'use strict';

// What is checked of a command that a page shows, without running it: programs, scripts, flags,
// files and names exist.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { allCells } = require('../matrix/cells');
const { loadSessions } = require('../kit/sessions/parse');
const { root } = require('../kit/root');
const { run } = require('../kit/run');
const { testNames } = require('../kit/suite');
const { sets } = require('../bench/rows');
const { scenarioNames } = require('../chaos/scenarios');
const { read } = require('./pages');

/**
 * Splits a command as a shell does, without expansions.
 *
 * @param {string} command
 */
const words = (command) =>
  [...command.matchAll(/(?:"([^"]*)"|'([^']*)'|([^\s"']+))+/g)].map(([word]) =>
    word.replaceAll(/["']/g, ''),
  );

/** The reader replaces it: NAME, FILE, `…`, "$X". */
const isPlaceholder = (/** @type {string} */ word) =>
  /^[A-Z]+$|…|\$/.test(word);

/** Usage such as `[-- --time 10m] [NAME …]` without its brackets. */
const withoutBrackets = (/** @type {string} */ command) =>
  command.replaceAll(/[[\]]/g, '').replaceAll(/ \| /g, ' ');

/** Subcommands and flags of the Azure CLI, from its reference. */
const azureCli = {
  'account get-access-token': '--resource',
  'account set': '--subscription',
  'account show': '--query --output',
  'ad group show': '--group --query --output',
  'ad signed-in-user show': '--query --output',
  'deployment group create': '--resource-group --template-file --parameters',
  'deployment group what-if': '--resource-group --template-file --parameters',
  'group create': '--name --location',
  'identity create': '--name --resource-group --location',
  'identity federated-credential create':
    '--identity-name --resource-group --name --issuer --subject --audiences',
  'identity federated-credential list':
    '--identity-name --resource-group --query --output',
  'identity show': '--name --resource-group --query --output',
  login: '--tenant',
  'role assignment create':
    '--assignee-object-id --assignee-principal-type --role --scope --condition --condition-version',
  'role assignment delete': '--assignee --scope',
  'role assignment list':
    '--all --assignee --include-groups --include-inherited --scope --query --output',
  'role definition create': '--role-definition',
  'role definition list': '--custom-role-only --scope --query --output',
  'storage account blob-service-properties update':
    '--account-name --resource-group --enable-last-access-tracking',
  'storage account create':
    '--name --resource-group --location --kind --sku --https-only --min-tls-version --allow-shared-key-access --allow-blob-public-access --allow-cross-tenant-replication',
  'storage account keys renew': '--account-name --resource-group --key',
  'storage account management-policy create':
    '--account-name --resource-group --policy',
  'storage account management-policy show': '--account-name --resource-group',
  'storage account revoke-delegation-keys': '--name --resource-group',
  'storage account show': '--name --resource-group --query --output',
  'storage blob download': '',
  'storage blob list': '--query',
  'storage container generate-sas':
    '--account-name --name --permissions --expiry --https-only --as-user --auth-mode --output',
  'storage container-rm create':
    '--storage-account --resource-group --name --public-access',
  'storage container-rm delete': '--storage-account --resource-group --name',
  'vm identity assign': '--name --resource-group --identities',
};

const gitHubCli = {
  api: '--method --input --jq -f',
  'secret set': '--repo --env',
  'variable set': '--repo --body',
};

/**
 * @param {string} command
 * @param {Record<string, string>} known subcommands and their flags
 */
function hasKnownFlags(command, known) {
  const rest = words(command).slice(1);
  const flags = rest.filter((word) => /^--?[a-z]/.test(word));
  const name = Object.keys(known)
    .filter((name) => `${rest.join(' ')} `.startsWith(`${name} `))
    .sort((a, b) => b.length - a.length)[0];
  assert.ok(name, 'an unknown subcommand');
  for (const flag of flags) {
    assert.ok(known[name].split(' ').includes(flag), `${name} has no ${flag}`);
  }
}

/** @param {string} command */
function az(command) {
  hasKnownFlags(command, azureCli);
  const bicep = read('docs/azure/main.bicep');
  const [, parameters = ''] = /--parameters (.*)/.exec(command) ?? [];
  for (const [, name] of parameters.matchAll(/(\w+)=/g)) {
    assert.match(bicep, new RegExp(`^param ${name} `, 'm'));
  }
}

/** @param {string} command */
function terraform(command) {
  const variables = read('docs/azure/main.tf');
  assert.match(command, /^terraform (init|plan|apply)\b/);
  for (const [, name] of command.matchAll(/-var (\w+)=/g)) {
    assert.match(variables, new RegExp(`^variable "${name}" `, 'm'));
  }
}

/** What the other words of a script are, and whether there is one that they select. */
const selects = {
  suite: async (
    /** @type {string} */ suite,
    /** @type {string[]} */ patterns,
  ) => {
    for (const pattern of patterns) {
      const selection = { patterns: [pattern], extent: 'nightly' };
      const names = await testNames(
        `scripts/${suite}`,
        /** @type {import('../kit/tests').Selection} */ (selection),
      );
      assert.ok(names.filter(Boolean).length > 0, `no test ${pattern}`);
    }
  },
  matrix: (/** @type {string} */ pattern) =>
    allCells.some(({ name }) => name.includes(pattern)),
  row: (/** @type {string} */ only) =>
    sets.full.some(({ id }) => id.includes(only)),
  scenario: (/** @type {string} */ name) =>
    scenarioNames.includes(
      /** @type {import('../chaos/scenarios').ScenarioName} */ (name),
    ),
  step: (/** @type {string} */ name) =>
    new RegExp(`^ {2}async ${name}\\(`, 'm').test(read('scripts/test.js')),
  /** One of testdata/rpc, or the example of a page. */
  session: (/** @type {string} */ name, isForClient = false) =>
    ['CONTRIBUTING.md', 'testdata/rpc/README.md'].some(
      (page) =>
        !isForClient && read(page).includes(`testdata/rpc/${name}.session`),
    ) ||
    loadSessions([name]).some(
      ({ audience }) => !isForClient || audience !== 'server',
    ),
};

/** Flags of scripts whose values are names. @type {Record<string, (value: string) => boolean>} */
const valuesOf = {
  'bench --only': selects.row,
  'chaos --scenario': selects.scenario,
};

/**
 * A script of this repository: its flags exist, and its patterns select something.
 *
 * @param {string} name of the file, without folder and end
 * @param {string[]} args
 */
async function script(name, args) {
  const source =
    read(`scripts/${name}.js`) +
    (['e2e', 'faults', 'redteam'].includes(name)
      ? read('scripts/kit/suite.js')
      : '');
  /** @type {string[]} */
  const patterns = [];
  for (let i = 0; i < args.length; i++) {
    const [, flag] = /^--([\w-]+)/.exec(args[i]) ?? [];
    if (!flag) {
      if (!isPlaceholder(args[i])) patterns.push(args[i]);
      continue;
    }
    const [, type] =
      new RegExp(`^ +'?${flag}'?: \\{ type: '(\\w+)'`, 'm').exec(source) ??
      (source.includes(`'--${flag}'`) ? ['', 'boolean'] : []);
    assert.ok(type, `scripts/${name}.js has no --${flag}`);
    if (type !== 'string') continue;
    const value = args[++i] ?? '';
    const isKnown = valuesOf[`${name} --${flag}`];
    if (isKnown)
      assert.ok(isKnown(value), `--${flag} ${value} selects nothing`);
  }
  if (['e2e', 'faults', 'redteam'].includes(name)) {
    return selects.suite(name, patterns);
  }
  const isKnown = {
    matrix: selects.matrix,
    test: selects.step,
    fixtures: selects.session,
  }[name];
  for (const pattern of patterns) {
    assert.ok(isKnown?.(pattern), `${pattern} selects nothing`);
  }
}

/** `npm test`, `npm run NAME`, `node scripts/NAME.js`. @param {string} command */
async function ours(command) {
  const plain = withoutBrackets(command);
  const { scripts } = JSON.parse(read('package.json'));
  const [, name = 'test', rest] =
    /^npm (?:run ([\w:-]+)|test)(.*)/.exec(plain) ?? [];
  const [, file, args] =
    /^node scripts\/([\w-]+)\.js(.*)/.exec(
      rest === undefined
        ? plain
        : `${scripts[name]} ${rest.replace(/ -- /g, ' ')}`,
    ) ?? [];
  assert.ok(file, `no script ${name}`);
  await script(file, words(args));
}

/** `node --test FILES`: the files exist, and a name is that of a test. @param {string} command */
function nodeTests(command) {
  const [, ...rest] = words(command);
  for (let i = 1; i < rest.length; i++) {
    if (rest[i] === '--test-name-pattern') {
      const name = rest[++i];
      assert.ok(
        isPlaceholder(name) || selects.session(name, true),
        `no test ${name}`,
      );
      continue;
    }
    const folder = path.join(root, path.dirname(rest[i]));
    const pattern = path
      .basename(rest[i])
      .replaceAll('.', '\\.')
      .replaceAll('*', '.*');
    const found = fs
      .readdirSync(folder)
      .filter((file) => new RegExp(`^${pattern}$`).test(file));
    assert.ok(found.length > 0, `no file ${rest[i]}`);
  }
}

/** `go test`, `go doc`, `go build`, `go run`: the package exists, and -run selects a test. @param {string} command */
function goCommand(command) {
  const [, verb, ...rest] = words(command);
  assert.match(verb, /^(build|doc|run|test|vet)$/);
  const [name] = rest.filter((word) => word.startsWith('./'));
  assert.ok(name, 'no package');
  const folder = path.join(root, name.replace('/...', ''));
  assert.ok(fs.existsSync(folder), `no package ${name}`);
  const selected = rest[rest.indexOf('-run') + 1];
  if (!rest.includes('-run')) return;
  const tests = fs
    .readdirSync(folder)
    .filter((file) => file.endsWith('_test.go'))
    .flatMap((file) => [
      ...read(path.join(name, file)).matchAll(/^func (Test\w+)/gm),
    ])
    .map(([, test]) => test);
  for (const part of selected.split(/\\?\|/)) {
    assert.ok(
      tests.some((test) => test.includes(part)),
      `no test ${part}`,
    );
  }
}

/** Generators and their options exist. @param {string} command */
function nx(command) {
  const [, name, rest] =
    /^(?:npx|pnpm|pnpm exec|yarn|bunx) nx (?:g|generate) @nx\/powerpack-azure-cache:(\w+)(.*)/.exec(
      command,
    ) ?? [];
  if (!name) {
    assert.match(
      command,
      /^(npx|pnpm|pnpm exec|yarn|bunx) nx (add|affected|build|migrate|report|reset|run|run-many|show project|test|…)/,
    );
    return;
  }
  const { generators } = JSON.parse(read('npm/nx-azure-cache/generators.json'));
  assert.ok(name in generators, `no generator ${name}`);
  const { properties } = JSON.parse(
    read(path.join('npm/nx-azure-cache', generators[name].schema)),
  );
  for (const [, option] of rest.matchAll(/--(\w+)/g)) {
    assert.ok(option in properties, `no option --${option}`);
  }
}

/**
 * Commands and flags of nx-azure-cache exist.
 *
 * @param {string} binary
 * @returns {(command: string) => Promise<void>}
 */
function ourCli(binary) {
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
  return async (command) => {
    const line = command.replace(/^(npx )?nx-azure-cache/, '');
    const [name, second] = words(line);
    if (!name || name === '…') return;
    assert.match(await help([]), new RegExp(`^  ${name} `, 'm'));
    const parts = [name];
    if (['keys', 'license'].includes(name) && second) {
      assert.match(await help([name]), new RegExp(`^  ${second} `, 'm'));
      parts.push(second);
    }
    for (const [, flag] of line.matchAll(/\s\[?--([a-z-]+)/g)) {
      assert.match(await help(parts), new RegExp(`--${flag}\\b`));
    }
  };
}

/** @param {string} command */
const gh = (command) => hasKnownFlags(command, gitHubCli);

module.exports = { az, gh, goCommand, nodeTests, nx, ourCli, ours, terraform };
