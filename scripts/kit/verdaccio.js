'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./cleanup');
const { root } = require('./root');
const { run } = require('./run');
const { startServer } = require('./server');

/**
 * Starts Verdaccio, an npm registry, which holds our packages and passes on
 * all others from the registry of this machine.
 *
 * @param {{ kept?: string }} [options] a folder in which it finds, the next time,
 *   what it has passed on
 */
async function startVerdaccio({ kept } = {}) {
  const folder = temporaryFolder('verdaccio');
  const config = path.join(folder, 'config.yaml');
  fs.writeFileSync(config, JSON.stringify(await configuration(folder)));
  if (kept) {
    fs.mkdirSync(kept, { recursive: true });
    fs.mkdirSync(path.join(folder, 'storage'));
    fs.symlinkSync(kept, path.join(folder, 'storage', 'passed-on'));
  }
  const server = await startServer('Verdaccio', (port) => [
    path.join(root, 'node_modules/verdaccio/bin/verdaccio'),
    ...['--config', config, '--listen', `127.0.0.1:${port}`],
  ]);
  const url = `http://127.0.0.1:${server.port}/`;

  // npm wants a token to publish, Verdaccio takes any.
  const npmrc = path.join(folder, 'npmrc');
  const registryKey = url.replace('http:', '');
  fs.writeFileSync(npmrc, `${registryKey}:_authToken=anybody\n`);
  return {
    ...server,
    url,
    /**
     * @param {string} folder of a package
     * @param {string} [tag]
     */
    async publish(folder, tag = 'latest') {
      const args = ['publish', folder, '--tag', tag];
      await run('npm', [...args, '--registry', url, '--userconfig', npmrc]);
    },
  };
}

/**
 * Publishes the packages that `npm run build` has made, as a release does:
 * those of the platforms first, so that the main package never names one that
 * is not there.
 *
 * @param {Awaited<ReturnType<typeof startVerdaccio>>} verdaccio
 * @param {string} packages dist/npm
 */
async function publishAll(verdaccio, packages) {
  const platforms = path.join(packages, '@nx-azure-cache');
  for (const name of fs.readdirSync(platforms)) {
    await verdaccio.publish(path.join(platforms, name));
  }
  await verdaccio.publish(path.join(packages, 'nx-azure-cache'));
  await verdaccio.publish(path.join(packages, '@nx/powerpack-azure-cache'));
}

/** @param {string} folder */
async function configuration(folder) {
  const registry = await npmConfig('registry');
  const cafile = await npmConfig('cafile');
  const ca = cafile && fs.readFileSync(cafile, 'utf8');
  const ours = { access: '$all', publish: '$all' };
  const nobody = { access: 'nobody', publish: 'nobody' };
  return {
    storage: path.join(folder, 'storage'),
    uplinks: {
      machine: {
        url: registry,
        ...(ca && { ca }),
        timeout: '60s',
        maxage: '1h',
      },
    },
    packages: {
      // No proxy: what we publish here is never mixed with what others publish
      // under the same name.
      'nx-azure-cache': ours,
      '@nx-azure-cache/*': ours,
      '@nx/powerpack-azure-cache': ours,
      // Their licence forbids using them to build this.
      '@nx/powerpack-*': nobody,
      '@nx/*-cache': nobody,
      '@nx/key': nobody,
      '**': { ...ours, proxy: 'machine', storage: 'passed-on' },
    },
    max_body_size: '100mb',
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  };
}

/**
 * @param {string} key
 * @returns {Promise<string>} '' when it is not set
 */
async function npmConfig(key) {
  const { stdout } = await run('npm', ['config', 'get', key]);
  const value = stdout.trim();
  return value === 'null' || value === 'undefined' ? '' : value;
}

exports.publishAll = publishAll;
exports.startVerdaccio = startVerdaccio;
