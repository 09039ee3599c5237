'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { fuzz, fuzzTargets } = require('./fuzz');

/**
 * Makes a Go module.
 *
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} files
 */
function goModule(t, files) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-go-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const all = { 'go.mod': 'module example.com/fuzzed\n\ngo 1.26\n', ...files };
  for (const [name, content] of Object.entries(all)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

const header = 'package x\n\nimport "testing"\n\n';
const sound = `${header}func FuzzSound(f *testing.F) {
	f.Add("seed")
	f.Fuzz(func(t *testing.T, text string) {})
}
`;
const broken = `${header}func FuzzBroken(f *testing.F) {
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" {
			t.Error("broken by an input")
		}
	})
}
func TestOther(t *testing.T) {}
`;

test('targets are found in all packages', async (t) => {
  const cwd = goModule(t, {
    'a/x_test.go': sound,
    'b/x_test.go': broken,
    'c/x.go': 'package c\n',
  });
  assert.deepEqual(await fuzzTargets(cwd), [
    { pkg: 'example.com/fuzzed/a', name: 'FuzzSound' },
    { pkg: 'example.com/fuzzed/b', name: 'FuzzBroken' },
  ]);
});

test('a module without targets is an error', async (t) => {
  const cwd = goModule(t, {
    'x_test.go': header + 'func TestX(*testing.T) {}',
  });
  await assert.rejects(fuzzTargets(cwd), /there are no fuzz targets/);
});

test('findings are reported and kept', async (t) => {
  const cwd = goModule(t, { 'x_test.go': broken });
  const target = { pkg: 'example.com/fuzzed', name: 'FuzzBroken' };
  const { ok, result, output } = await fuzz(target, { cwd, time: '1000x' });
  assert.equal(ok, false);
  assert.equal(result, 'FAILED');
  assert.match(output, /broken by an input/);
  const kept = path.join(cwd, 'testdata', 'fuzz', 'FuzzBroken');
  assert.equal(fs.readdirSync(kept).length, 1);
});

test('a target without a finding reports how many inputs it tried', async (t) => {
  const cwd = goModule(t, { 'x_test.go': sound });
  const target = { pkg: 'example.com/fuzzed', name: 'FuzzSound' };
  const { ok, result, execs, output } = await fuzz(target, {
    cwd,
    time: '1000x',
  });
  assert.ok(ok, output);
  assert.equal(result, 'no finding');
  assert.ok(execs >= 1000, output);
});

test('a missing target is a failure', async (t) => {
  const cwd = goModule(t, { 'x_test.go': sound });
  const target = { pkg: 'example.com/fuzzed', name: 'FuzzNothing' };
  const { ok, result } = await fuzz(target, { cwd, time: '10x' });
  assert.equal(ok, false);
  assert.match(result, /NOTHING NEW TRIED/);
});
