'use strict';

// In CI, a line about a problem is an annotation. lib/annotations.js says which programs read
// it, and from which stream.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { quickTest: test } = require('../kit/tests');
const { startFixture } = require('../kit/fixture');
const { assertStatus, build, ourLines, summary } = require('../kit/nx-runs');

/** @type {[string, NodeJS.ProcessEnv, RegExp][]} */
const cis = [
  [
    'GitHub',
    { GITHUB_ACTIONS: 'true' },
    /^::warning title=nx-azure-cache NXAC040::nx-azure-cache: .*container "not-there" does not exist/,
  ],
  [
    'Azure Pipelines',
    { TF_BUILD: 'True', BUILD_BUILDID: '7' }, // Nx knows the second
    /^##vso\[task\.logissue type=warning;code=NXAC040\]nx-azure-cache: .*container "not-there" does not exist/,
  ],
];
for (const [name, env, annotation] of cis) {
  test(`a problem is an annotation of ${name}`, async (t) => {
    const { machine } = await startFixture(t);
    const a = machine('a', { env, azure: { container: 'not-there' } });
    const { code, stdout, output } = await a.nx(build);
    assert.equal(code, 0, output);
    assert.doesNotMatch(stdout, /nx-azure-cache:/);
    assertStatus(a, 'cache-miss');
    const lines = output.split('\n').filter((line) => annotation.test(line));
    assert.equal(lines.length, 1, output);
    assert.ok(lines[0].endsWith('/docs/troubleshooting.md#nxac040)'), lines[0]);
    // Each problem appears once, and the summary is not a problem.
    const [summaries, problems] = [true, false].map((is) =>
      ourLines(output).filter((line) => summary.test(line) === is),
    );
    assert.equal(summaries.length, 1, output);
    assert.ok(output.split('\n').includes(summaries[0]), output);
    assert.equal(new Set(problems).size, problems.length, output);
  });
}

test('a .env file does not make annotations', async (t) => {
  const { machine } = await startFixture(t);
  const a = machine('a', { azure: { container: 'not-there' } });
  fs.writeFileSync(path.join(a.workspace, '.env'), 'GITHUB_ACTIONS=true\n');
  const { output } = await a.nx(build);
  assert.doesNotMatch(output, /::warning/);
  assert.match(output, /^nx-azure-cache: .*"not-there" does not exist/m);
});
