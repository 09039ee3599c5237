'use strict';

// Checks that imports go one way: cmd → rpc → cache → cache/archive and cache/trust;
// cmd → cache/azure → cache. Package license stands alone, and all may use cache/unwrap and
// cache/printable, which import nothing. Also checks that only few packages import the
// Azure SDK. `npm test` runs it; alone: node scripts/check-imports.js

const { allowed, everywhere, soleImporters } = require('./imports');
const { runMain } = require('./kit/cleanup');
const { run } = require('./kit/run');

const module_ = 'github.com/nx-azure-cache/nx-azure-cache';

/** @typedef {{ ImportPath: string, Imports?: string[], TestImports?: string[], XTestImports?: string[] }} Package */

/** @param {string} importPath */
const short = (importPath) => importPath.slice(module_.length + 1);

/** @param {Package} pkg */
function problems(pkg) {
  const name = short(pkg.ImportPath);
  if (!(name in allowed)) {
    return [`${name} has no line in scripts/imports.js`];
  }
  const imports = pkg.Imports ?? [];
  const tests = [...(pkg.TestImports ?? []), ...(pkg.XTestImports ?? [])];
  return [
    ...checkOurs(name, imports, allowed[name]),
    // Tests may use what the package uses, the package itself, the suite, the
    // Blob service and the shared environments.
    ...checkOurs(name, tests, [
      ...allowed[name],
      ...allowed[name].flatMap((other) => allowed[other]),
      name,
      'cache',
      'cache/azure/azuretest',
      'cache/azure/azuretest/faults',
      'cache/cachetest',
      'cache/cachetest/repository',
      'cache/diagnostic/diagnostictest',
      'cache/trust',
      'cmd/nx-azure-cache/internal/testenv',
    ]),
    ...checkOthers(name, imports),
  ];
}

/**
 * @param {string} name
 * @param {string[]} imports
 * @param {string[]} allowed
 */
function checkOurs(name, imports, allowed) {
  return imports
    .filter((path) => path.startsWith(`${module_}/`))
    .map(short)
    .filter((path) => ![...allowed, ...everywhere].includes(path))
    .map((path) => `${name} must not import ${path}`);
}

/**
 * @param {string} name
 * @param {string[]} imports
 */
function checkOthers(name, imports) {
  return imports.flatMap((path) =>
    soleImporters
      .filter(
        ({ prefix, importers }) =>
          path.startsWith(prefix) && !(name in importers),
      )
      .map(({ reason }) => `${name} must not import ${path}: ${reason}`),
  );
}

/**
 * The cycles in a table of allowed imports. Go rejects a cycle of imports, but not a table
 * that allows one, so the first import in the wrong direction would pass.
 *
 * @param {Record<string, string[]>} table
 * @returns {string[]} one line for each cycle
 */
function cycles(table) {
  /** @type {string[]} */
  const found = [];
  /** @type {Set<string>} */
  const done = new Set();
  /**
   * @param {string} name
   * @param {string[]} path
   */
  const visit = (name, path) => {
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name];
      found.push(`the table allows a cycle: ${cycle.join(' → ')}`);
    } else if (!done.has(name)) {
      for (const other of table[name] ?? []) visit(other, [...path, name]);
      done.add(name);
    }
  };
  for (const name of Object.keys(table)) visit(name, []);
  return found;
}

/**
 * azblob's packages `container` and `service`, and packages that import them, link
 * apache/arrow, which adds 3 MB to every binary.
 */
async function checkLinked() {
  const { stdout } = await run('go', [
    ...['list', '-deps', './cmd/nx-azure-cache'],
  ]);
  return stdout
    .split('\n')
    .filter((path) => path.startsWith('github.com/apache/arrow'))
    .map((path) => `cmd/nx-azure-cache links ${path}`);
}

async function main() {
  const { stdout } = await run('go', ['list', '-json', './...']);
  // go list prints one object after the other.
  /** @type {Package[]} */
  const packages = JSON.parse(`[${stdout.trim().replace(/^}\n{/gm, '},\n{')}]`);
  if (packages.length === 0) throw new Error('go list found no packages');
  const found = [
    ...new Set(packages.flatMap(problems)),
    ...cycles(allowed),
    ...(await checkLinked()),
  ];
  for (const problem of found) console.error(problem);
  console.log(`imports: ${packages.length} packages, ${found.length} problems`);
  return found.length === 0 ? 0 : 1;
}

if (require.main === module) runMain(main);

module.exports = { cycles };
