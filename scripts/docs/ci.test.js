'use strict';

// The files for CIs in docs/ci: there is none of these CIs here, so this is what
// can be known of them offline. They parse, and every key, task, input and
// permission is one that the CI has.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const yaml = require('yaml');
const { blocks, read } = require('./pages');

/** @typedef {Record<string, any>} Mapping */

/**
 * The blocks of YAML in a page.
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

/**
 * @param {Mapping} mapping
 * @param {string} words the keys there are
 * @param {string} where
 */
function hasOnly(mapping, words, where) {
  const known = words.split(' ');
  for (const key of Object.keys(mapping)) {
    assert.ok(known.includes(key), `${where}: ${key}`);
  }
}

/** Variables of a step; GitHub, Azure Pipelines and GitLab want texts. */
const areTexts = (/** @type {Mapping} */ env, /** @type {string} */ where) => {
  for (const [name, value] of Object.entries(env)) {
    assert.equal(typeof value, 'string', `${where}: ${name}`);
  }
};

describe('GitHub Actions', () => {
  // docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
  const ofWorkflows =
    'name run-name on permissions env defaults concurrency jobs';
  const ofJobs =
    'name permissions needs if runs-on environment concurrency outputs env defaults steps timeout-minutes strategy continue-on-error container services uses with secrets';
  const ofSteps =
    'id if name uses run working-directory shell with env continue-on-error timeout-minutes';
  const ofPermissions =
    'actions attestations checks contents deployments id-token issues packages pages pull-requests security-events statuses';
  /** @type {Record<string, string>} their action.yml */
  const inputs = {
    'actions/checkout@v4': 'ref fetch-depth persist-credentials',
    'actions/setup-node@v4':
      'node-version cache registry-url package-manager-cache',
    'actions/setup-go@v5': 'go-version go-version-file',
    'actions/upload-artifact@v4': 'name path',
    'actions/download-artifact@v4': 'name path',
    'azure/login@v2': 'client-id tenant-id allow-no-subscriptions environment',
  };

  const pages = documents('ci/github-actions.md');
  const workflows = [...pages, ...documents('publishing.md')].filter(
    (document) => 'jobs' in document,
  );

  /** @param {any} permissions */
  const arePermissions = (permissions) => {
    hasOnly(permissions ?? {}, ofPermissions, 'permissions');
    for (const level of Object.values(permissions ?? {})) {
      assert.match(level, /^(read|write|none)$/);
    }
  };

  test('there are workflows', () => assert.equal(workflows.length, 2));

  test('jobs have the keys of jobs', () => {
    for (const workflow of workflows) {
      // YAML 1.2 leaves `on` a word.
      hasOnly(workflow, ofWorkflows, 'workflow');
      arePermissions(workflow.permissions);
      for (const [name, job] of Object.entries(workflow.jobs)) {
        hasOnly(job, ofJobs, name);
        arePermissions(job.permissions);
      }
    }
  });

  test('steps have the keys of steps, actions their inputs', () => {
    const steps = [
      ...pages.filter(Array.isArray).flat(),
      ...workflows.flatMap(({ jobs }) =>
        Object.values(jobs).flatMap((/** @type {any} */ job) => job.steps),
      ),
    ];
    for (const step of steps) {
      hasOnly(step, ofSteps, JSON.stringify(step));
      assert.equal('uses' in step, !('run' in step), JSON.stringify(step));
      if (step.uses) {
        assert.ok(inputs[step.uses], step.uses);
        hasOnly(step.with ?? {}, inputs[step.uses], step.uses);
      }
      areTexts(step.env ?? {}, JSON.stringify(step));
    }
  });

  test('every job that runs Nx may ask for a token, as somebody', () => {
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
   * A list with the items that `${{ if … }}` inserts, each with its condition.
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

  test('steps have the keys of steps, tasks their inputs', () => {
    assert.ok(steps.length > 6);
    for (const step of steps) {
      hasOnly(step, ofSteps, JSON.stringify(step));
      if (step.task) {
        assert.ok(inputs[step.task], step.task);
        hasOnly(step.inputs, inputs[step.task], step.task);
      }
      areTexts(step.env ?? {}, JSON.stringify(step));
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

  test('main is told from others before there are stages', () => {
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

  test('jobs have the keys of jobs', () => {
    const jobs = all
      .flatMap(Object.entries)
      .filter(([name]) => !global.split(' ').includes(name));
    assert.ok(jobs.length >= 4);
    for (const [name, job] of jobs) {
      hasOnly(job, ofJobs, name);
      areTexts(job.variables ?? {}, name);
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
   * What is left of Groovy without comments, strings, words and pairs of brackets.
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
   * A section's name and what is between its brackets.
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
   * The sections directly below.
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
