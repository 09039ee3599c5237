'use strict';

// Checks the CI files in docs/ci without a CI: they parse, and every key, task, input and
// permission exists in that CI.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { root } = require('../kit/root');
const { blocks, read } = require('./pages');
const {
  areStrings,
  hasKeysOfSteps,
  hasKeysOfWorkflows,
  hasOnly,
  stepsOf,
} = require('./workflows');

/** @typedef {Record<string, any>} Mapping */

/**
 * The YAML blocks of a page.
 *
 * @param {string} name
 * @returns {any[]}
 */
function documents(name) {
  const found = blocks(read(`docs/${name}`), 'yaml');
  assert.ok(found.length > 0, name);
  return found.map((text) => {
    const document = yaml.parseDocument(text);
    assert.deepEqual([...document.errors, ...document.warnings], [], text);
    return document.toJS();
  });
}

describe('lines of the cache', () => {
  const source = ['cmd', 'cache']
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), {
          recursive: true,
          encoding: 'utf8',
        })
        .filter((file) => /(?<!_test)\.go$/.test(file))
        .map((file) => read(path.join(folder, file))),
    )
    .join('\n')
    .replaceAll('`', ''); // lines quoted in a page have none

  for (const name of 'github-actions azure-pipelines gitlab jenkins'.split(
    ' ',
  )) {
    test(`in ci/${name}.md are lines that it prints`, () => {
      const [, section] = read(`docs/ci/${name}.md`).split(
        '## When it does not work',
      );
      // Entra ID and Azure Pipelines print the others.
      const ours = [...section.matchAll(/^\| `([^`]+)`/gm)]
        .map(([, line]) => line)
        .filter((line) => !/^AADSTS|^There was/.test(line));
      assert.ok(ours.length > 0);
      for (const part of ours.flatMap((line) => line.split(/…|: /))) {
        // The cache fills in variables and credentials.
        const words = part
          .replaceAll(/\b[A-Z_]{6,}\b|^[a-z-]+(?= is)/g, '')
          .trim();
        assert.ok(source.includes(words), part);
      }
    });
  }
});

describe('the files that init writes', () => {
  const folder = 'npm/nx-azure-cache/generators/init/templates';

  for (const [template, page, language] of [
    ['github.yml', 'ci/github-actions.md', 'yaml'],
    ['azure.yml', 'ci/azure-pipelines.md', 'yaml'],
    ['gitlab.yml', 'ci/gitlab.md', 'yaml'],
    ['Jenkinsfile', 'ci/jenkins.md', 'groovy'],
  ]) {
    test(`${template} is in ${page}`, () => {
      const found = blocks(read(`docs/${page}`), language);
      assert.ok(found.includes(read(`${folder}/${template}`)));
    });
  }

  test('azure.sh is in setup.md', () => {
    const [account, role] = blocks(read('docs/setup.md'), 'sh');
    assert.equal(read(`${folder}/azure.sh`), `${account}\n${role}`);
  });
});

describe('GitHub Actions', () => {
  const pages = documents('ci/github-actions.md');
  const workflows = pages.filter((document) => 'jobs' in document);

  test('there is one workflow', () => assert.equal(workflows.length, 1));

  test('jobs have only keys that exist', () =>
    workflows.forEach(hasKeysOfWorkflows));

  test('steps have only keys that exist, actions only their inputs', () => {
    const steps = pages.filter(Array.isArray).flat();
    for (const step of [...steps, ...workflows.flatMap(stepsOf)]) {
      hasKeysOfSteps(step);
    }
  });

  test('every job that runs Nx may request a token, and names an identity', () => {
    const { jobs } = workflows[0];
    for (const job of Object.values(jobs)) {
      const step = job.steps.find((/** @type {any} */ { run }) =>
        /^npx nx /.test(run),
      );
      assert.equal(job.permissions['id-token'], 'write');
      assert.equal(step.env.NX_AZURE_CACHE_CREDENTIAL, 'github-actions');
      assert.match(
        step.env.AZURE_CLIENT_ID,
        /^\$\{\{ vars\.NX_CACHE_\w+ \}\}$/,
      );
    }
  });

  test('only main has its environment, its identity and its key', () => {
    const { main, ...others } = workflows[0].jobs;
    assert.equal(main.environment, 'nx-cache-main');
    assert.match(JSON.stringify(main), /NX_CACHE_TRUSTED_CLIENT_ID/);
    const text = JSON.stringify(others);
    assert.doesNotMatch(text, /TRUSTED|SIGNING_KEY|nx-cache-main/);
  });
});

describe('Azure Pipelines', () => {
  // learn.microsoft.com/azure/devops/pipelines/yaml-schema
  const ofPipelines =
    'name trigger pr schedules pool variables parameters resources stages jobs steps';
  const ofJobs =
    'job displayName dependsOn condition pool variables steps timeoutInMinutes workspace strategy';
  const ofSteps =
    'task script bash checkout displayName inputs env condition workingDirectory timeoutInMinutes';
  /** @type {Record<string, string>} their task.json */
  const inputs = {
    'UseNode@1': 'version checkLatest',
    'AzureCLI@2':
      'azureSubscription scriptType scriptLocation inlineScript workingDirectory addSpnToEnvironment',
    'npmAuthenticate@0': 'workingFile customEndpoint',
  };

  const all = documents('ci/azure-pipelines.md');
  const lists = documents('publishing.md').filter(Array.isArray);
  const pipelines = all.filter((document) => 'jobs' in document);
  const isCondition = (/** @type {string} */ key) =>
    /^\$\{\{ (if .+|else) \}\}$/.test(key);

  /**
   * Flattens a list: the items that `${{ if … }}` inserts, each with its condition.
   *
   * @param {any[]} list
   * @returns {{ item: any, condition: string }[]}
   */
  const flat = (list) =>
    list.flatMap((item) => {
      const [key] = Object.keys(item);
      return isCondition(key)
        ? item[key].map((/** @type {any} */ item) => ({ item, condition: key }))
        : { item, condition: '' };
    });

  const jobs = flat(pipelines.flatMap(({ jobs }) => jobs));
  const steps = [
    ...lists.flat(),
    ...[...jobs.map(({ item }) => item), ...all].flatMap(
      ({ steps = [] }) => steps,
    ),
  ];

  test('there is a pipeline with a job for main and one for others', () => {
    assert.equal(pipelines.length, 1);
    hasOnly(pipelines[0], ofPipelines, 'pipeline');
    assert.deepEqual(
      jobs.map(({ item }) => item.job),
      ['main', 'others'],
    );
    for (const { item } of jobs) hasOnly(item, ofJobs, item.job);
  });

  test('steps have only keys that exist, tasks only their inputs', () => {
    assert.ok(steps.length > 6);
    for (const step of steps) {
      hasOnly(step, ofSteps, JSON.stringify(step));
      if (step.task) {
        assert.ok(inputs[step.task], step.task);
        hasOnly(step.inputs, inputs[step.task], step.task);
      }
      areStrings(step.env ?? {}, JSON.stringify(step));
    }
  });

  test('every step that runs Nx maps the token of the job', () => {
    const runs = steps.filter(({ script, inputs }) =>
      /^npx nx /.test(script ?? inputs?.inlineScript ?? ''),
    );
    assert.equal(runs.length, 3);
    for (const { env } of runs) {
      assert.equal(env.SYSTEM_ACCESSTOKEN, '$(System.AccessToken)');
      assert.equal(env.NX_AZURE_CACHE_CREDENTIAL, 'azure-pipelines');
    }
  });

  test('template expressions choose the job for main or for others', () => {
    const [main, others] = jobs;
    assert.equal(
      main.condition,
      "${{ if eq(variables['Build.SourceBranch'], 'refs/heads/main') }}",
    );
    assert.equal(others.condition, '${{ else }}');
    assert.match(JSON.stringify(main.item), /"nx-cache-trusted"/);
    const text = JSON.stringify(others.item);
    assert.doesNotMatch(text, /trusted|SIGNING_KEY|nx-cache-main/);
  });
});

describe('GitLab', () => {
  // docs.gitlab.com/ci/yaml
  const global = 'default include stages variables workflow';
  const ofJobs =
    'extends stage image id_tokens variables rules before_script script after_script needs cache artifacts tags timeout';

  const all = documents('ci/gitlab.md');

  test('jobs have only keys that exist', () => {
    const jobs = all
      .flatMap(Object.entries)
      .filter(([name]) => !global.split(' ').includes(name));
    assert.ok(jobs.length >= 4);
    for (const [name, job] of jobs) {
      hasOnly(job, ofJobs, name);
      areStrings(job.variables ?? {}, name);
      for (const token of Object.values(job.id_tokens ?? {})) {
        hasOnly(/** @type {Mapping} */ (token), 'aud', name);
      }
      for (const rule of job.rules ?? []) {
        hasOnly(rule, 'if when variables changes exists', name);
      }
    }
  });

  test('the token is in the file that the cache reads', () => {
    const { id_tokens, script } = all[0]['.nx'];
    const [name] = Object.keys(id_tokens);
    const file = script.findIndex((/** @type {string} */ line) =>
      line.startsWith('export AZURE_FEDERATED_TOKEN_FILE='),
    );
    assert.ok(file >= 0);
    assert.equal(
      script[file + 1],
      `printf %s "$${name}" > "$AZURE_FEDERATED_TOKEN_FILE"`,
    );
    assert.match(script.at(-1), /^npx nx /);
  });
});

describe('Jenkins', () => {
  // jenkins.io/doc/book/pipeline/syntax
  const ofPipelines = 'agent environment options parameters stages tools post';
  const ofStages =
    'agent environment options steps when stages tools post input';

  const all = blocks(read('docs/ci/jenkins.md'), 'groovy');

  test('brackets and strings are closed', () => {
    assert.equal(all.length, 3);
    for (const code of all) assert.equal(skeleton(code), '', code);
  });

  test('the Jenkinsfile has the sections of a pipeline', () => {
    const [, body] = section(all[0], 'pipeline');
    hasOnly(sections(body), ofPipelines, 'pipeline');
    const [, stages] = section(body, 'stages');
    const found = [...stages.matchAll(/stage\('([^']+)'\) /g)];
    assert.equal(found.length, 3);
    for (const [head, name] of found) {
      const [, stage] = section(stages, head.trim());
      const names = sections(stage);
      hasOnly(names, ofStages, name);
      assert.ok('steps' in names, name);
    }
  });

  test('only main gets the key', () => {
    const [before, after] = all[0].split("stage('Build')");
    assert.match(before, /when \{ branch 'main' \}[^]*nx-cache-key/);
    assert.match(after, /when \{ not \{ branch 'main' \} \}/);
    assert.doesNotMatch(after, /nx-cache-key|SIGNING_KEY/);
  });

  /**
   * Removes comments, strings, words and pairs of brackets from Groovy code.
   *
   * @param {string} code
   */
  function skeleton(code) {
    let text = code
      .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, '')
      .replaceAll(/\/\/.*$/gm, '')
      .replaceAll(/[\w\s,:=&.]/g, '');
    for (let before = ''; before !== text;) {
      before = text;
      text = text.replaceAll(/\(\)|\[\]|\{\}/g, '');
    }
    return text;
  }

  /**
   * Finds a section: its name and the code between its brackets.
   *
   * @param {string} code
   * @param {string} name
   */
  function section(code, name) {
    const start = code.indexOf(`${name} {`);
    assert.ok(start >= 0, name);
    const open = start + name.length + 1;
    let depth = 0;
    for (let i = open; i < code.length; i++) {
      if (code[i] === '{') depth++;
      if (code[i] === '}' && --depth === 0) {
        return [name, code.slice(open + 1, i)];
      }
    }
    throw new assert.AssertionError({ message: `${name} is not closed` });
  }

  /**
   * Finds the names of the sections directly below.
   *
   * @param {string} body
   * @returns {Mapping}
   */
  function sections(body) {
    /** @type {Mapping} */
    const found = {};
    let depth = 0;
    for (const line of body.split('\n')) {
      const [, name] = /^\s*(\w+).*\{/.exec(line) ?? [];
      if (depth === 0 && name) found[name] = true;
      depth += line.split('{').length - line.split('}').length;
    }
    return found;
  }
});
