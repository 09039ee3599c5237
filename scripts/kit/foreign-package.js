'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./cleanup');
const { alias } = require('./names');
const { run } = require('./run');

/** The version of the foreign package, above all of ours. */
const foreignVersion = '99.0.0';

/**
 * Publishes a package of another company under the name that Nx loads, as on npmjs.com. It
 * has no remote cache. The tag `latest` stays ours.
 *
 * @param {string} registry URL
 */
async function publishForeignPackage(registry) {
  const folder = temporaryFolder('foreign');
  const manifest = { name: alias, version: foreignVersion, main: 'index.js' };
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify(manifest, null, 2),
  );
  fs.writeFileSync(
    path.join(folder, 'index.js'),
    'exports.getRemoteCache = async () => null;\n',
  );
  const npmrc = path.join(folder, '.npmrc-of-test');
  const key = registry.replace('http:', '');
  fs.writeFileSync(npmrc, `${key}:_authToken=anybody\n`);
  const args = ['publish', folder, '--tag', 'foreign', '--registry', registry];
  await run('npm', [...args, '--userconfig', npmrc]);
}

exports.foreignVersion = foreignVersion;
exports.publishForeignPackage = publishForeignPackage;
