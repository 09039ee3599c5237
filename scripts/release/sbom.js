'use strict';

// Makes the software bill of materials of a release, in CycloneDX 1.6. The Go modules come from
// the binaries themselves (`go version -m`), the npm packages from the lockfile (`npm sbom`).

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { run } = require('../kit/run');

/**
 * @typedef {object} Component
 * @property {string} bom-ref
 * @property {'application' | 'library'} type
 * @property {string} name
 * @property {string} version
 * @property {string} purl
 * @property {{ alg: string, content: string }[]} [hashes]
 * @property {{ license: { id: string } }[]} [licenses]
 */
/** @typedef {{ ref: string, dependsOn: string[] }} Dependency */
/** @typedef {{ path: string, version: string, sum?: string }} Module */
/** @typedef {{ name: string, version: string, tarball: string, binary?: string }} Package */

/**
 * @param {Package[]} packages the main package first; `tarball` and `binary` are files
 * @param {Date} time of the release, so that the same release has the same bill
 */
async function createSbom([main, ...others], time) {
  const npm = await npmDependencies(main.name);
  const root = packageComponent(main, 'application');
  /** @type {Map<string, Component>} by purl */
  const components = new Map(npm.components.map((each) => [each.purl, each]));
  /** @type {Dependency[]} */
  const dependencies = [
    {
      ref: root.purl,
      dependsOn: [
        ...npm.direct,
        ...others.map((each) => npmPurl(each.name, each.version)),
      ].sort(),
    },
    ...npm.dependencies,
  ];
  for (const other of others) {
    const component = packageComponent(other, 'application');
    components.set(component.purl, component);
    const modules = other.binary ? await goModules(other.binary) : [];
    const linked = modules.map(goComponent);
    for (const each of linked) components.set(each.purl, each);
    dependencies.push({
      ref: component.purl,
      dependsOn: linked.map(({ purl }) => purl).sort(),
    });
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: time.toISOString(),
      lifecycles: [{ phase: 'build' }],
      component: root,
    },
    components: [...components.values()].sort(byPurl),
    dependencies,
  };
}

/** @type {(a: Component, b: Component) => number} */
const byPurl = (a, b) => (a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : 0);

/** A purl escapes the @ of a scope. @type {(name: string, version: string) => string} */
const npmPurl = (name, version) =>
  `pkg:npm/${name.replace('@', '%40')}@${version}`;

/**
 * @param {Package} npmPackage
 * @param {'application' | 'library'} type
 * @returns {Component}
 */
function packageComponent({ name, version, tarball }, type) {
  const purl = npmPurl(name, version);
  // npm's own digest: `npm view … dist.integrity` shows it in base64.
  const digest = createHash('sha512').update(fs.readFileSync(tarball));
  return {
    'bom-ref': purl,
    type,
    name,
    version,
    purl,
    hashes: [{ alg: 'SHA-512', content: digest.digest('hex') }],
    licenses: [{ license: { id: 'MIT' } }],
  };
}

/**
 * The modules that are linked into a binary, and Go's standard library.
 *
 * @param {string} binary
 * @returns {Promise<Module[]>}
 */
async function goModules(binary) {
  const { stdout } = await run('go', ['version', '-m', '-json', binary]);
  /** @type {{ GoVersion: string, Deps?: { Path: string, Version: string, Sum?: string, Replace?: object }[] }} */
  const { GoVersion, Deps = [] } = JSON.parse(stdout);
  const replaced = Deps.filter(({ Replace }) => Replace);
  if (replaced.length > 0) {
    const names = replaced.map(({ Path }) => Path).join(', ');
    throw new Error(`${path.basename(binary)} has replaced modules: ${names}`);
  }
  return [
    { path: 'std', version: GoVersion.replace('go', '') },
    ...Deps.map(({ Path, Version, Sum }) => ({
      path: Path,
      version: Version,
      sum: Sum,
    })),
  ];
}

/**
 * @param {Module} module
 * @returns {Component}
 */
function goComponent({ path: name, version, sum }) {
  const purl = `pkg:golang/${name}@${version}`;
  // go.sum's `h1:` is a SHA-256 of the module's files, in base64.
  const digest = sum && Buffer.from(sum.replace('h1:', ''), 'base64');
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    purl,
    ...(digest && {
      hashes: [{ alg: 'SHA-256', content: digest.toString('hex') }],
    }),
  };
}

/**
 * The dependencies of a workspace's package, with the versions of the lockfile.
 *
 * @param {string} name
 * @returns {Promise<{ direct: string[], components: Component[], dependencies: Dependency[] }>}
 */
async function npmDependencies(name) {
  const { stdout } = await run('npm', [
    ...['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
    ...['--omit', 'dev', '--omit', 'peer', '--workspace', name],
  ]);
  /** @type {{ components: Component[], dependencies: Dependency[] }} */
  const bill = JSON.parse(stdout);
  /** npm's references are `name@version`, ours are purls. */
  const purls = new Map(
    bill.components.map((each) => [each['bom-ref'], each.purl]),
  );
  const purlOf = (/** @type {string} */ ref) => {
    const purl = purls.get(ref);
    if (!purl) throw new Error(`npm sbom lists no component ${ref}`);
    return purl;
  };
  const workspacePackage = bill.components.find((each) => each.name === name);
  if (!workspacePackage) throw new Error(`npm sbom lists no package ${name}`);
  const others = bill.components.filter((each) => each !== workspacePackage);
  /** @param {string} ref */
  const dependenciesOf = (ref) =>
    (bill.dependencies.find((each) => each.ref === ref)?.dependsOn ?? []).map(
      purlOf,
    );
  return {
    direct: dependenciesOf(workspacePackage['bom-ref']),
    components: others.map(
      ({ type, name, version, purl, hashes, licenses }) => ({
        ...{ 'bom-ref': purl, type, name, version, purl, hashes, licenses },
      }),
    ),
    dependencies: others.map((each) => ({
      ref: each.purl,
      dependsOn: dependenciesOf(each['bom-ref']).sort(),
    })),
  };
}

exports.createSbom = createSbom;
