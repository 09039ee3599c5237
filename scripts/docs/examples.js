'use strict';

// How each example of the pages is tested. examples.test.js fails for a block or a command that
// is in no table here, and for a row that no page uses.

const checks = require('./command-checks');

/**
 * @typedef {object} Block
 * @property {string} language of the block
 * @property {RegExp} [page] of the pages with such blocks
 * @property {RegExp} [has] what the block contains
 * @property {[file: string, test: string]} [by] the test that runs or reads the block
 * @property {string} [cannot] why no test does
 */

/** @param {string} name */
const docs = (name) => `scripts/docs/${name}.test.js`;

const incident = /** @type {[string, string]} */ ([
  'cmd/nx-azure-cache/docs_test.go',
  'TestExamplesInIncident',
]);
const firstHour = /** @type {[string, string]} */ ([
  'scripts/e2e/docs.test.js',
  'the commands of the README and of docs/setup.md work as printed',
]);
const issuer = /** @type {[string, string]} */ ([
  docs('commands'),
  'the commands of the issuer run, in the order of the page',
]);

/**
 * Blocks that a test takes as a whole. Blocks of shell may be missing here: then each of their
 * commands is checked, and `commands` says why it is not run.
 *
 * @type {Block[]}
 */
const blocks = [
  {
    language: 'json',
    has: /^ {2}"azure": \{/m,
    by: [docs('values'), 'are valid and cause no warning'],
  },
  {
    language: 'json',
    has: /"devDependencies": /,
    by: [docs('values'), 'of package.json pin this version under the alias'],
  },
  {
    language: 'json',
    has: /^ {2}"Name": /m,
    by: [docs('security'), 'equals the file of the same name'],
  },

  {
    language: 'yaml',
    page: /ci\/github-actions/,
    by: [
      docs('ci'),
      'steps have only keys that exist, actions only their inputs',
    ],
  },
  {
    language: 'yaml',
    page: /ci\/azure-pipelines/,
    by: [
      docs('ci'),
      'steps have only keys that exist, tasks only their inputs',
    ],
  },
  {
    language: 'yaml',
    page: /ci\/gitlab/,
    by: [docs('ci'), 'jobs have only keys that exist'],
  },
  {
    language: 'groovy',
    page: /ci\/jenkins/,
    by: [docs('ci'), 'the Jenkinsfile has the sections of a pipeline'],
  },
  {
    language: 'yaml',
    has: /^ *- run: npx nx-azure-cache .*\n$/,
    by: [docs('examples'), 'commands are checked'],
  },
  {
    language: 'yaml',
    has: /task: npmAuthenticate@0/,
    by: [
      docs('ci'),
      'steps have only keys that exist, tasks only their inputs',
    ],
  },
  {
    language: 'yaml',
    has: /^uplinks:/m,
    by: ['scripts/publish.test.js', 'a full build is published'],
  },
  {
    language: 'ini',
    has: /pkgs\.dev\.azure\.com/,
    cannot: 'needs a feed of Azure Artifacts',
  },
  { language: 'ini', has: /jfrog\.io/, cannot: 'needs Artifactory' },

  { language: 'text', page: /incident/, by: incident },
  {
    language: 'text',
    page: /insight/,
    by: ['cmd/nx-azure-cache/explain_test.go', 'TestExplain'],
  },
  {
    language: 'text',
    page: /azure\/README/,
    by: [docs('security'), 'equals the file of the same name'],
  },
  {
    language: 'text',
    has: /^key ID/,
    by: [
      docs('commands'),
      'keys generate prints what docs/security/setup.md shows',
    ],
  },

  {
    language: '',
    has: /^# .*\nfor (server|both)$/m,
    by: [
      'scripts/kit/sessions/server.test.js',
      'has one example, which passes',
    ],
  },
  {
    language: '',
    has: /^nx-azure-cache: \d+ hits/,
    by: [docs('examples'), 'summary lines are as the package prints them'],
  },
  {
    language: '',
    has: /^cmd\/nx-azure-cache\//m,
    by: [docs('map'), 'the map'],
  },
  { language: '', has: /[─▶]/, cannot: 'is a diagram' },
  { language: '', has: /^storage {2}= /, cannot: 'is a formula' },

  {
    language: 'sh',
    page: /incident/,
    has: /^npx nx-azure-cache/,
    by: incident,
  },
  {
    language: 'sh',
    page: /^(README|docs\/setup)/,
    has: /^(NX_\w+=\S+ )?npx nx(-azure-cache)? /m,
    by: firstHour,
  },
  {
    language: 'sh',
    has: /DRONE_COMMIT_REF/,
    by: [docs('commands'), 'the block for another CI derives the ref'],
  },
  {
    language: 'sh',
    has: /^openssl genpkey/,
    by: [
      docs('commands'),
      'openssl and keys generate make keys that keys show and a run accept',
    ],
  },
  {
    language: 'sh',
    has: /keygen .*\nnpm run build/,
    by: [
      'scripts/e2e/license.test.js',
      'the three commands of docs/licenses.md make a build and its license',
    ],
  },
  { language: 'sh', has: /^go run \.\/cmd\/nx-azure-license/, by: issuer },
  {
    language: 'sh',
    has: /^cd dist\/npm\n|dist\.integrity/,
    by: ['scripts/publish.test.js', 'a full build is published'],
  },
];

/**
 * @typedef {object} Command
 * @property {RegExp} begins
 * @property {string} because why no test runs it as it is printed
 * @property {(command: string) => unknown} [check] what is checked nevertheless
 */

/**
 * Commands in blocks, in YAML and in prose.
 *
 * @param {string} binary
 * @returns {Command[]}
 */
const commands = (binary) => [
  {
    begins: /^az /,
    because: 'needs an Azure account',
    check: checks.az,
  },
  {
    begins: /^gh /,
    because: 'needs a repository on GitHub',
    check: checks.gh,
  },
  {
    begins: /^terraform /,
    because: 'needs an Azure account',
    check: checks.terraform,
  },
  { begins: /^git (tag|push) /, because: 'changes the repository' },
  {
    begins: /^(npx )?nx-azure-cache /,
    because: 'the tests of Go and scripts/e2e run the commands',
    check: checks.ourCli(binary),
  },
  {
    begins: /^(npx|pnpm|pnpm exec|yarn|bunx) nx /,
    because: 'the suites with a real Nx run them',
    check: checks.nx,
  },
  {
    begins: /^npx (tsc|prettier) /,
    because: '`npm test -- lint` runs them',
  },
  {
    begins: /^(npm run |npm test\b|node scripts\/)/,
    because: 'takes minutes; `npm test` runs a part of each',
    check: checks.ours,
  },
  {
    begins: /^node --test /,
    because: '`npm test` runs these files',
    check: checks.nodeTests,
  },
  {
    begins: /^go \w+ .*\.\//,
    because: '`npm test` runs these packages',
    check: checks.goCommand,
  },
  {
    begins:
      /^(npm|pnpm|yarn|bun) (add|audit|config|deprecate|init|install|login|publish|remove|uninstall|update|view)\b/,
    because:
      'needs the published package; scripts/publish.test.js and the matrix install it',
  },
  {
    begins: /^npm (ci|pack|npm)\b/,
    because: 'scripts/publish.test.js runs it',
  },
  {
    begins: /^openssl (base64|genpkey|pkey|x509) /,
    because: 'commands.test.js runs each form',
  },
  { begins: /^curl .*https:/, because: 'needs the internet' },
  {
    begins:
      /^(for|do|done|case|esac|break|if|then|fi|export|cd|sed|echo|printf|cat|base64|mktemp|[A-Z_]+=|\S+\)|node -p |\{|\}|$)/,
    because: 'is a part of a block, whose syntax is checked',
  },
];

module.exports = { blocks, commands };
