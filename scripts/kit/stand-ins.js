'use strict';

// Empty packages in place of the binaries of other platforms. Yarn reads the manifests of all
// platforms before it installs one. It never installs an empty package, because `os` differs.

const { createHash } = require('node:crypto');
const { buffer } = require('node:stream/consumers');
const { gzipSync } = require('node:zlib');

/** @typedef {Awaited<ReturnType<typeof import('./verdaccio').startVerdaccio>>} Verdaccio */
/** @typedef {{ name: string, version: string, os: string[], cpu: string[], libc?: string[] }} Manifest */

/**
 * Publishes empty packages for those of our platforms that were not built.
 *
 * @param {string} registry URL
 * @param {string[]} built the names of the packages, without the scope
 */
async function addOurPlatforms(registry, built) {
  // Required here, because build.js requires a module that requires this one.
  const { platforms, version } = require('../build');
  for (const { os, cpu } of platforms) {
    if (built.includes(`${os}-${cpu}`)) continue;
    const name = `@nx-azure-cache/${os}-${cpu}`;
    await publishEmpty(
      registry,
      { name, version, os: [os], cpu: [cpu] },
      'latest',
    );
  }
}

/**
 * Publishes an empty package for each of Nx's platform packages that the registry lacks.
 * Some registries mirror only some platforms.
 *
 * @param {string} registry URL
 * @param {string} nx its version
 */
async function addPlatformsOfNx(registry, nx) {
  const manifest = await fetchManifest(`${registry}nx/${nx}`);
  if (!manifest) throw new Error(`the registry has no nx@${nx}`);
  for (const [name, version] of Object.entries(
    manifest.optionalDependencies ?? {},
  )) {
    if (await fetchManifest(`${registry}${name}/${version}`)) continue;
    const [os, cpu, abi] = name.replace('@nx/nx-', '').split('-');
    const libc = abi === 'musl' ? { libc: ['musl'] } : {};
    await publishEmpty(
      registry,
      { name, version, os: [os], cpu: [cpu], ...libc },
      `of-${version}`,
    );
  }
}

/**
 * Publishes a package that holds only its manifest. npm would take two seconds for each.
 *
 * @param {string} registry URL
 * @param {Manifest} manifest
 * @param {string} tag
 */
async function publishEmpty(registry, manifest, tag) {
  const { name, version } = manifest;
  const content = await tarball(manifest);
  const file = `${name.split('/').at(-1)}-${version}.tgz`;
  const digest = (/** @type {string} */ algorithm) =>
    createHash(algorithm).update(content);
  const dist = {
    tarball: `${registry}${name}/-/${file}`,
    shasum: digest('sha1').digest('hex'),
    integrity: `sha512-${digest('sha512').digest('base64')}`,
  };
  const response = await fetch(registry + name.replace('/', '%2f'), {
    method: 'PUT',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer anybody', // Verdaccio wants a token, and takes any
    },
    body: JSON.stringify({
      _id: name,
      name,
      'dist-tags': { [tag]: version },
      versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
      _attachments: {
        [file]: {
          content_type: 'application/octet-stream',
          data: content.toString('base64'),
          length: content.length,
        },
      },
    }),
  });
  if (response.ok) return;
  throw new Error(`cannot publish ${name}: ${await response.text()}`);
}

/** @param {Manifest} manifest */
async function tarball(manifest) {
  const pack = require('tar-stream').pack(); // not installed when scripts start
  pack.entry({ name: 'package/package.json' }, JSON.stringify(manifest));
  pack.finalize();
  return gzipSync(await buffer(pack));
}

/**
 * @param {string} url of a manifest
 * @returns {Promise<any>} undefined if there is none
 */
async function fetchManifest(url) {
  const response = await fetch(url);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

exports.addOurPlatforms = addOurPlatforms;
exports.addPlatformsOfNx = addPlatformsOfNx;
