'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./cleanup');
const { kept } = require('./kept');
const { root } = require('./root');
const { run } = require('./run');
const { startServer } = require('./server');
const { addOurPlatforms } = require('./stand-ins');

/**
 * Starts Verdaccio, an npm registry. It holds our packages, fetches all others from this
 * machine's registry, and keeps them for the next run.
 *
 * @param {object} [changes] to the configuration
 */
async function startVerdaccio(changes = {}) {
  const folder = temporaryFolder('verdaccio');
  const config = path.join(folder, 'config.yaml');
  fs.writeFileSync(
    config,
    JSON.stringify({ ...(await configuration(folder)), ...changes }),
  );
  const passedOn = path.join(kept, 'registry');
  fs.mkdirSync(passedOn, { recursive: true });
  fs.mkdirSync(path.join(folder, 'storage'));
  fs.symlinkSync(passedOn, path.join(folder, 'storage', 'passed-on'));
  const server = await startServer('Verdaccio', (port) => [
    path.join(root, 'node_modules/verdaccio/bin/verdaccio'),
    ...['--config', config, '--listen', `127.0.0.1:${port}`],
  ]);
  const url = `http://127.0.0.1:${server.port}/`;

  // npm needs a token to publish; Verdaccio accepts any.
  const npmrc = path.join(folder, 'npmrc');
  const registryKey = url.replace('http:', '');
  fs.writeFileSync(npmrc, `${registryKey}:_authToken=anybody\n`);
  return {
    ...server,
    url,
    npmrc,
    /** @param {string} from folder of a package, also of a build for one platform */
    async publish(from) {
      const publishable = fs.mkdtempSync(path.join(folder, 'package-'));
      copyPublishable(from, publishable);
      const args = ['publish', publishable, '--registry', url];
      await run('npm', [...args, '--userconfig', npmrc]);
      fs.rmSync(publishable, { recursive: true });
    },
  };
}

/**
 * Publishes the packages of `npm run build` as a release does: the platform packages first,
 * so that the main package never names a missing one. Empty packages replace the platforms
 * that were not built.
 *
 * @param {Awaited<ReturnType<typeof startVerdaccio>>} verdaccio
 * @param {string} packages dist/npm
 */
async function publishAll(verdaccio, packages) {
  const platforms = path.join(packages, '@nx-azure-cache');
  const built = fs.readdirSync(platforms);
  for (const name of built) {
    await verdaccio.publish(path.join(platforms, name));
  }
  await addOurPlatforms(verdaccio.url, built);
  await verdaccio.publish(path.join(packages, 'nx-azure-cache'));
  await verdaccio.publish(path.join(packages, '@nx/powerpack-azure-cache'));
}

/**
 * Copies a package without what stops npm from publishing a build for one platform.
 *
 * @param {string} from
 * @param {string} to
 */
function copyPublishable(from, to) {
  fs.cpSync(from, to, { recursive: true });
  const file = path.join(to, 'package.json');
  const {
    private: _,
    scripts,
    ...manifest
  } = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
}

/** @param {string} folder */
async function configuration(folder) {
  const { registry, cafile } = await npmConfig('registry', 'cafile');
  const ca = cafile && fs.readFileSync(cafile, 'utf8');
  const ours = { access: '$all', publish: '$all' };
  const forbidden = { access: 'none', publish: 'none' };
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
      // No proxy, so the registry never mixes ours with a published package of that name.
      'nx-azure-cache': ours,
      '@nx-azure-cache/*': ours,
      '@nx/powerpack-azure-cache': ours,
      // Their license forbids using them to build this.
      '@nx/powerpack-*': forbidden,
      '@nx/*-cache': forbidden,
      '@nx/key': forbidden,
      '**': { ...ours, proxy: 'machine', storage: 'passed-on' },
    },
    max_body_size: '100mb',
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  };
}

/**
 * @param {string[]} keys at least two, because npm prints the value of one key alone
 * @returns {Promise<Record<string, string>>} '' for unset keys
 */
async function npmConfig(...keys) {
  const { stdout } = await run('npm', ['config', 'get', ...keys]);
  const lines = stdout.trim().split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [key, ...rest] = line.split('=');
      const value = rest.join('=').trim();
      return [key.trim(), /^(null|undefined)$/.test(value) ? '' : value];
    }),
  );
}

exports.publishAll = publishAll;
exports.startVerdaccio = startVerdaccio;
