'use strict';

// Checks the files for GitHub without GitHub: workflows, Dependabot, issue forms.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { root } = require('../kit/root');
const { go } = require('../kit/go');
const { run } = require('../kit/run');
const { blocks, pages, read } = require('./pages');
const {
  hasKeysOfSteps,
  hasKeysOfWorkflows,
  hasOnly,
  stepsOf,
} = require('./workflows');

/** @typedef {Record<string, any>} Mapping */

const { engines, repository, scripts } = JSON.parse(read('package.json'));
const address = repository.url.replace(/^git\+|\.git$/g, '');

/**
 * @param {string} file relative to the repository
 * @returns {Mapping}
 */
function parse(file) {
  const document = yaml.parseDocument(read(file));
  assert.deepEqual([...document.errors, ...document.warnings], [], file);
  return document.toJS();
}

/** @param {string} folder relative to the repository */
const filesIn = (folder) =>
  fs.readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`);

describe('workflows', () => {
  const files = filesIn('.github/workflows');
  const workflows = files.map((file) => ({ file, workflow: parse(file) }));
  const steps = workflows.flatMap(({ workflow }) => stepsOf(workflow));

  /** `  uses: owner/name@commit # v1.2.3` */
  const pin = /^\s*(?:- )?uses: (\S+)@([0-9a-f]{40}) # v(\d+)\.\d+\.\d+$/;
  const pins = files
    .flatMap((file) => read(file).split('\n'))
    .filter((line) => line.includes('uses:'));

  test('are ci.yml and release.yml', () =>
    assert.deepEqual(files.map((file) => path.basename(file)).sort(), [
      'ci.yml',
      'release.yml',
    ]));

  test('actions are pinned to a commit, with its version, and the same everywhere', () => {
    assert.ok(pins.length > 8);
    /** @type {Record<string, string>} */
    const seen = {};
    for (const line of pins) {
      const [, name, commit] = pin.exec(line) ?? [];
      assert.ok(name, line);
      assert.equal((seen[name] ??= commit), commit, name);
    }
  });

  test('jobs, steps and actions have only keys and inputs that exist', () => {
    const majors = Object.fromEntries(
      pins.map((line) => {
        const [, name, commit, major] = pin.exec(line) ?? [];
        return [`${name}@${commit}`, `${name}@v${major}`];
      }),
    );
    for (const { workflow } of workflows) hasKeysOfWorkflows(workflow);
    for (const step of steps) hasKeysOfSteps(step, (uses) => majors[uses]);
  });

  test('jobs have only the permissions that they need', () => {
    const rights = workflows.map(({ workflow: { permissions, jobs } }) => [
      permissions,
      ...Object.values(jobs).map(({ permissions }) => permissions),
    ]);
    const inherited = undefined;
    assert.deepEqual(Object.fromEntries(files.map((f, i) => [f, rights[i]])), {
      '.github/workflows/ci.yml': [{ contents: 'read' }, inherited, inherited],
      '.github/workflows/release.yml': [
        {},
        { contents: 'read' }, // build
        { 'id-token': 'write' }, // publish
        { contents: 'write' }, // github-release
      ],
    });
  });

  test('no checkout leaves its token, and every job has a time limit', () => {
    for (const { uses, with: inputs } of steps) {
      if (!/^actions\/checkout@/.test(uses)) continue;
      assert.equal(inputs['persist-credentials'], false);
    }
    for (const { workflow } of workflows) {
      for (const job of Object.values(workflow.jobs)) {
        assert.ok(job['timeout-minutes'] <= 60);
      }
    }
  });

  test('commands hold no expressions, which could inject code', () => {
    for (const { run } of steps) assert.doesNotMatch(run ?? '', /\$\{\{/);
  });

  test('scripts and their options exist', () => {
    const commands = steps.map(({ run }) => run ?? '').join('\n');
    const used = [...commands.matchAll(/\bnpm (?:run ([\w:-]+)|(test))/g)];
    assert.ok(used.length >= 5);
    for (const [, name, test] of used) assert.ok((name ?? test) in scripts);
    const options = [...commands.matchAll(/npm run ([\w:-]+) -- (--.*)/g)];
    assert.equal(options.length, 3);
    for (const [, name, line] of options) {
      const [, file] = /^node (\S+)$/.exec(scripts[name]) ?? [];
      for (const [, option] of line.matchAll(/--([a-z]+)/g)) {
        assert.match(read(file), new RegExp(`\\b${option}: \\{ type: '`));
      }
    }
    for (const [file] of commands.matchAll(/\bscripts\/\S+/g)) {
      assert.ok(fs.existsSync(path.join(root, file)), file);
    }
  });

  test('ci.yml tests three systems, the oldest Node and the newest', async () => {
    const { jobs } = parse('.github/workflows/ci.yml');
    const oldest = engines.node.replace('>=', '');
    for (const job of Object.values(jobs)) {
      assert.deepEqual(job.strategy.matrix.node, [oldest, 'latest']);
    }
    const testAll = {
      run: 'npm test',
      env: { NX_AZURE_CACHE_TEST_PLATFORMS: 'all' },
    };
    assert.deepEqual(jobs.test.steps.at(-1), testAll);
    assert.deepEqual(jobs.platforms.strategy.matrix.os, [
      'macos-latest',
      'windows-latest',
    ]);
    const commands = jobs.platforms.steps
      .map((/** @type {Mapping} */ { run }) => run)
      .filter(Boolean);
    assert.deepEqual(commands.slice(1, -1), ['npm run build', 'go test ./...']);
    // The last command runs the tests of the shim, in whatever folder.
    const list = commands.at(-1).split(' | ')[0];
    const { stdout } = await run('bash', ['-c', list]);
    const found = stdout.trim().split('\n');
    assert.ok(found.length > 20, stdout);
    assert.ok(found.every((file) => file.startsWith('npm/')));
  });

  test('release.yml checks the tag before it builds, and tests before it publishes', () => {
    const { jobs } = parse('.github/workflows/release.yml');
    const commands = jobs.build.steps
      .map((/** @type {Mapping} */ { run }) => run)
      .filter(Boolean);
    assert.deepEqual(commands, [
      'npm run release:files -- --check "$GITHUB_REF_NAME"',
      'npm test',
      'printf %s "$NX_LICENSE_ISSUERS" > issuers.json',
      'npm run build -- --all --issuers issuers.json',
      'npm run release:files -- --tag "$GITHUB_REF_NAME"',
    ]);
    const tests = jobs.build.steps.find(
      (/** @type {Mapping} */ { run }) => run === 'npm test',
    );
    assert.deepEqual(tests.env, { NX_AZURE_CACHE_TEST_PLATFORMS: 'all' });
    assert.equal(jobs.build.environment, undefined);
    assert.equal(jobs.publish.needs, 'build');
    assert.equal(jobs.publish.environment, 'release');
    assert.equal(jobs['github-release'].needs, 'publish');
  });

  test('actionlint finds no problem in the workflows and in the guide', async () => {
    const folder = fs.mkdtempSync(
      path.join(require('node:os').tmpdir(), 'al-'),
    );
    try {
      const guide = path.join(folder, 'guide.yml');
      const [workflow] = blocks(read('docs/ci/github-actions.md'), 'yaml');
      fs.writeFileSync(guide, workflow);
      await go([
        ...['run', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'],
        // Only some machines have these helpers.
        ...['-shellcheck=', '-pyflakes=', ...files, guide],
      ]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe('dependabot.yml', () => {
  // docs.github.com/code-security/dependabot/working-with-dependabot/dependabot-options-reference
  const { version, updates, ...rest } = parse('.github/dependabot.yml');

  test('has only keys that exist', () => {
    assert.equal(version, 2);
    assert.deepEqual(rest, {});
    for (const update of updates) {
      hasOnly(
        update,
        'package-ecosystem directory schedule cooldown groups ignore open-pull-requests-limit',
        update['package-ecosystem'],
      );
      assert.match(update.schedule.interval, /^(daily|weekly|monthly)$/);
      hasOnly(update.cooldown, 'default-days', 'cooldown');
      for (const group of Object.values(update.groups)) {
        hasOnly(group, 'patterns exclude-patterns dependency-type', 'group');
      }
    }
  });

  test('covers Go, npm and the actions', () => {
    const files = {
      gomod: 'go.mod',
      npm: 'package-lock.json',
      'github-actions': '.github/workflows',
    };
    assert.deepEqual(
      updates.map((/** @type {Mapping} */ each) => each['package-ecosystem']),
      Object.keys(files),
    );
    for (const [i, file] of Object.values(files).entries()) {
      const { directory } = updates[i];
      assert.ok(fs.existsSync(path.join(root, directory, file)), file);
    }
  });
});

describe('issue forms', () => {
  // docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
  const folder = '.github/ISSUE_TEMPLATE';
  const forms = ['bug', 'feature'].map((name) =>
    parse(`${folder}/${name}.yml`),
  );
  /** @type {Record<string, string[]>} the attributes of each type: all, and the required */
  const attributes = {
    markdown: ['value', 'value'],
    textarea: ['label description placeholder value render', 'label'],
    input: ['label description placeholder value', 'label'],
    dropdown: ['label description multiple options default', 'label options'],
    checkboxes: ['label description options', 'label options'],
  };
  const fieldsOf = (/** @type {Mapping} */ { body }) =>
    body.filter((/** @type {Mapping} */ { type }) => type !== 'markdown');

  test('have only keys that exist', () => {
    assert.equal(filesIn(folder).length, forms.length + 1);
    for (const form of forms) {
      hasOnly(
        form,
        'name description title labels assignees type body',
        form.name,
      );
      assert.ok(form.name && form.description);
      for (const { type, attributes: found, ...rest } of form.body) {
        assert.ok(type in attributes, type);
        const [all, required] = attributes[type];
        hasOnly(found, all, type);
        for (const key of required.split(' ')) assert.ok(found[key], key);
        hasOnly(rest, type === 'markdown' ? '' : 'id validations', type);
        hasOnly(rest.validations ?? {}, 'required', type);
        for (const option of found.options ?? []) {
          // GitHub rejects booleans, into which other YAML parsers turn Yes and No.
          assert.equal(typeof option, 'string');
        }
      }
    }
  });

  test('have unique IDs and labels', () => {
    for (const form of forms) {
      for (const key of ['id', 'label']) {
        const values = fieldsOf(form).map((/** @type {Mapping} */ each) =>
          key === 'id' ? each.id : each.attributes.label,
        );
        assert.equal(new Set(values).size, values.length, form.name);
        for (const value of values) assert.ok(value);
      }
    }
  });

  test('a bug names doctor --json, the version of Nx and the CI', () => {
    const required = fieldsOf(forms[0]).filter(
      (/** @type {Mapping} */ { validations }) => validations?.required,
    );
    const text = JSON.stringify(required);
    for (const part of [
      'npx nx-azure-cache doctor --json',
      'npx nx --version',
      'GitHub Actions',
    ]) {
      assert.ok(text.includes(part), part);
    }
  });

  test('config.yml sends vulnerabilities to a private report, as SECURITY.md does', () => {
    const config = parse(`${folder}/config.yml`);
    hasOnly(config, 'blank_issues_enabled contact_links', 'config.yml');
    assert.equal(config.blank_issues_enabled, false);
    for (const link of config.contact_links) {
      assert.deepEqual(Object.keys(link), ['name', 'url', 'about']);
    }
    const report = `${address}/security/advisories/new`;
    assert.equal(config.contact_links[0].url, report);
    assert.ok(read('SECURITY.md').includes(`(${report})`));
    assert.match(read('SECURITY.md'), /\(docs\/security\.md#the-claim\)/);
  });

  test('addresses of files in this repository lead to a file', () => {
    const files = [
      ...filesIn(folder),
      ...filesIn('.github/workflows'),
      ...pages,
    ];
    const links = files.flatMap((file) => [
      ...read(file).matchAll(
        new RegExp(`${address}/blob/main/([\\w./-]+)`, 'g'),
      ),
    ]);
    assert.ok(links.length >= 2);
    for (const [, file] of links) {
      assert.ok(fs.existsSync(path.join(root, file)), file);
    }
  });
});
