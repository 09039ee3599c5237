'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('../kit/cleanup');

/** @typedef {Awaited<ReturnType<typeof import('../kit/verdaccio').startVerdaccio>>} Verdaccio */

/**
 * Publishes an empty package for each platform's binary of Nx that the registry
 * lacks: Yarn wants to know about all of them before it installs one, and some
 * registries mirror only some platforms. None of them is ever installed: their
 * `os` is another.
 *
 * @param {Verdaccio} verdaccio
 * @param {string} nx its version
 */
async function addMissingPlatforms(verdaccio, nx) {
  const manifest = await ask(`${verdaccio.url}nx/${nx}`);
  if (!manifest) throw new Error(`the registry has no nx@${nx}`);
  for (const [name, version] of Object.entries(
    manifest.optionalDependencies ?? {},
  )) {
    if (await ask(`${verdaccio.url}${name}/${version}`)) continue;
    const [os, cpu, abi] = name.replace('@nx/nx-', '').split('-');
    const folder = path.join(temporaryFolder('stand-in'));
    const libc = abi === 'musl' ? { libc: ['musl'] } : {};
    const content = { name, version, os: [os], cpu: [cpu], ...libc };
    fs.writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify(content),
    );
    await verdaccio.publish(folder, `of-${version}`);
  }
}

/**
 * @param {string} url of a manifest
 * @returns {Promise<any>} undefined when there is none
 */
async function ask(url) {
  const response = await fetch(url);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

exports.addMissingPlatforms = addMissingPlatforms;
