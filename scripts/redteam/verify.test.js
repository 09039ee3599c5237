'use strict';

// An attacker with write access plants an entry in the trusted scope. Without signatures,
// main uses it; azure.verify is what notices.

const assert = require('node:assert/strict');
const { artifact, statementOf } = require('./artifacts');
const { redTest } = require('./attacks');
const { hash, honest, poisoned, startFixture } = require('./fixture');
const { pullRequest, push } = require('./runs');
const { metadataOf } = require('./storage');

redTest('verify_notices_a_planted_entry', async (t) => {
  const fixture = await startFixture(t, {});
  await fixture.plant(await planted());
  const victim = await fixture.build(fixture.machine('main', push('main')));
  assert.equal(victim.content, poisoned, 'without azure.verify it succeeds');
  assert.deepEqual(victim.lines, []);

  const verify = { NX_AZURE_CACHE_VERIFY: '100%' };
  const main = await fixture.build(
    fixture.machine('verifying', push('main'), { env: verify }),
  );
  assert.equal(main.content, honest, 'the run has the planted output');
  assert.equal(main.status, 'cache-miss');
  assert.equal(main.lines.length, 1, main.lines.join('\n'));
  const [line] = main.lines;
  assert.ok(line.includes(`the result ${hash} of words:build differs`), line);
  assert.match(line, /dist\/words\/index\.js \(content\)/);
  assert.match(line, /https:\/\/evil\.example\/run stored it at 2026-11-01T/);
  assert.match(line, /, https:\/\/github\.com\/acme\/shop\S+ made another/);

  // A pull request cannot ask for it, and so cannot find out what main would check.
  const pull = await fixture.build(
    fixture.machine('pull', pullRequest(7), { env: verify }),
  );
  assert.equal(pull.status, 'remote-cache-hit');
  assert.deepEqual(pull.lines, []);
});

/** A poisoned entry that all checks of an unsigned entry accept. */
async function planted() {
  const content = await artifact();
  const statement = statementOf(content);
  const { provenance } = statement;
  const claim = {
    ...statement,
    provenance: { ...provenance, run: 'https://evil.example/run' },
  };
  const encoded = Buffer.from(JSON.stringify(claim)).toString('base64');
  return { content, metadata: { ...metadataOf(content), statement: encoded } };
}
