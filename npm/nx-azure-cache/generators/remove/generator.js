'use strict';

// Removes what the other generators wrote, and lists what is left. The results in the
// container and the secrets of CI are not in the workspace, so it does not touch them.

const { aliasName, ownName } = require('../../lib/other-caches');
const { installCommand, runCommand } = require('../../lib/package-manager');
const { command, printable } = require('../../lib/printable');
const { ignoreLine, removeIgnoreLine } = require('../activate/ignored');
const json = require('../init/nx-json');
const { isOwnSchema, nxSchema } = require('../init/schema-reference');
const { variableFiles } = require('../init/variable-files');
const { places } = require('../update/places');
const { isOurLicenseFile } = require('./license-file');

/** @import { Tree } from 'nx/src/generators/tree' */
/** @import { NxJson } from '../init/nx-json' */

const licenseFile = '.nx/powerpack/license.ini';
const names = [aliasName, ownName];

/**
 * @param {Tree} tree
 * @param {import('./schema').RemoveGeneratorSchema} [_options]
 * @param {{ log: (line: string) => void }} [io]
 */
function removeGenerator(
  tree,
  _options,
  { log } = { log: (line) => console.log(printable(line)) },
) {
  const text = tree.read('nx.json', 'utf8') ?? '{}';
  const nxJson = json.parse(text);
  const packages = removePackages(tree);
  const done = [
    ...removeFromNxJson(tree, text, nxJson),
    ...removeLicense(tree),
    ...packages,
  ];
  const left = [
    ...(packages.length > 0 ? [`Run ${installCommand(tree.root)}.`] : []),
    `Run ${runCommand(tree.root, 'nx reset')}, which deletes what is in Nx's local cache.`,
    ...leftInCi(tree),
    ...leftInAzure(nxJson.azure),
  ];
  for (const line of done) log(line);
  if (done.length === 0) log('Nothing of nx-azure-cache is left in the files.');
  log('');
  log('What is left to do:');
  for (const line of left) log(`- ${line}`);
}

/**
 * @param {Tree} tree
 * @param {string} before
 * @param {NxJson} nxJson
 * @returns {string[]}
 */
function removeFromNxJson(tree, before, nxJson) {
  const lines = [];
  let text = before;
  if (nxJson.azure) {
    text = json.remove(text, ['azure']);
    lines.push('nx.json: removed "azure".');
  } else if (nxJson.extends) {
    lines.push(
      `nx.json: extends ${nxJson.extends}; remove "azure" there, if it has one.`,
    );
  }
  const plugins = Array.isArray(nxJson.plugins) ? nxJson.plugins : [];
  for (let at = plugins.length - 1; at >= 0; at--) {
    const name = plugins[at]?.plugin ?? plugins[at];
    if (!names.includes(name)) continue;
    text = json.remove(text, ['plugins', at]);
    lines.push(`nx.json: removed ${name} from "plugins".`);
  }
  if (isOwnSchema(nxJson.$schema)) {
    text = json.set(text, ['$schema'], nxSchema);
    lines.push(`nx.json: set "$schema" to ${nxSchema}.`);
  }
  if (text !== before) tree.write('nx.json', text);
  return lines;
}

/**
 * @param {Tree} tree
 * @returns {string[]}
 */
function removeLicense(tree) {
  const lines = [];
  if (tree.exists(licenseFile)) {
    if (!isOurLicenseFile(tree.read(licenseFile, 'utf8') ?? '')) {
      return [
        `${licenseFile}: kept, because it has more than licenses of nx-azure-cache.`,
      ];
    }
    tree.delete(licenseFile);
    lines.push(`${licenseFile}: deleted.`);
  }
  if (removeIgnoreLine(tree)) lines.push(`.gitignore: removed ${ignoreLine}.`);
  return lines;
}

/**
 * @param {Tree} tree
 * @returns {string[]}
 */
function removePackages(tree) {
  const before = tree.read('package.json', 'utf8');
  if (!before) return [];
  const manifest = json.parseObject(before, 'package.json');
  let text = before;
  const lines = [];
  for (const place of places) {
    const specs = place.reduce((at, key) => at?.[key], manifest);
    for (const name of names) {
      const spec = specs?.[name];
      if (spec === undefined) continue;
      text = json.remove(text, [...place, name]);
      lines.push(
        `package.json: removed ${name} (${spec}) from ${place.join('.')}.`,
      );
    }
  }
  if (text !== before) tree.write('package.json', text);
  return lines;
}

/**
 * @param {Tree} tree
 * @returns {string[]}
 */
function leftInCi(tree) {
  const files = variableFiles(tree)
    .filter(({ text }) => /NX_AZURE_CACHE_|NX_POWERPACK_/.test(text))
    .map(({ file }) => file);
  const places = files.length > 0 ? `${files.join(', ')} and the` : 'the';
  return [
    `In CI, remove the secrets NX_POWERPACK_LICENSE and NX_AZURE_CACHE_SIGNING_KEY and the variables NX_AZURE_CACHE_… from ${places} settings of CI. Remove AZURE_… only if nothing else uses them.`,
  ];
}

/**
 * @param {NxJson['azure']} block
 * @returns {string[]}
 */
function leftInAzure({ container, accountName, trust } = {}) {
  const { containers } = /** @type {Record<string, any>} */ (trust ?? {});
  const all = [container, ...Object.values(containers ?? {})].filter(
    (name) => typeof name === 'string' && name !== '',
  );
  const account = typeof accountName === 'string' ? accountName : 'ACCOUNT';
  const commands = [...new Set(all)].map((name) =>
    command(
      'az storage container-rm delete --storage-account %s --name %s',
      account,
      name,
    ),
  );
  const how = commands.filter(Boolean).join(' && ');
  return [
    `In Azure, the results stay in the container${how && `: delete them with ${how}`}. Then delete the identities and role assignments that only this cache used.`,
  ];
}

module.exports = { removeGenerator };
