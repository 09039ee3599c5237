'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { atEnd } = require('../kit/cleanup');
const { attempt, run } = require('../kit/run');
const { namesBelow } = require('../kit/tree');

/** The folder of ours in Nx's cache directory. */
const aside = '.nx-azure-cache';

/** Whether this user may mount a small disk. */
async function canMount() {
  const folder = fs.mkdtempSync(
    path.join(os.tmpdir(), 'nx-azure-cache-mount-'),
  );
  try {
    const { code } = await attempt('mount', mountArguments(folder, 1 << 20));
    if (code === 0) await run('umount', [folder]);
    return code === 0;
  } catch {
    return false; // there is no command mount
  } finally {
    fs.rmdirSync(folder);
  }
}

/**
 * @param {string} folder
 * @param {number} bytes
 */
function mountArguments(folder, bytes) {
  return ['-t', 'tmpfs', '-o', `size=${bytes}`, 'nx-azure-cache', folder];
}

/** Whether this user may mount an overlay. */
async function canOverlay() {
  const folder = fs.mkdtempSync(
    path.join(os.tmpdir(), 'nx-azure-cache-mount-'),
  );
  const disk = new Disk(path.join(folder, 'cache'));
  try {
    fs.mkdirSync(path.join(folder, 'cache'));
    await disk.layer();
    return true;
  } catch {
    return false;
  } finally {
    await disk.unmount();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A disk that is mounted where Nx keeps its cache, and can be made small, or what
 * is there becomes a layer below it.
 */
class Disk {
  #folder;
  #mounted = false;
  #isLayered = false;

  /** @param {string} folder */
  constructor(folder) {
    this.#folder = folder;
    atEnd(() => this.unmount());
  }

  /** @param {number} bytes */
  async shrink(bytes) {
    if (!this.#mounted) {
      fs.mkdirSync(this.#folder, { recursive: true });
      await run('mount', mountArguments(this.#folder, bytes));
      this.#mounted = true;
    }
    await this.#resize(bytes);
  }

  /** Makes it as large as it need be. */
  async grow() {
    if (this.#mounted && !this.#isLayered) await this.#resize(1 << 30);
  }

  /**
   * Makes what is in the folder the lower layer of an overlay, where no folder can be
   * renamed: so are the folders of a container's image.
   */
  async layer() {
    if (this.#mounted) return;
    const layers = fs.mkdtempSync(`${this.#folder}-layers-`);
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) =>
      path.join(layers, name),
    );
    fs.renameSync(this.#folder, lower);
    for (const folder of [this.#folder, upper, work]) fs.mkdirSync(folder);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},redirect_dir=off`;
    await run('mount', [
      ...['-t', 'overlay', '-o', options, 'nx-azure-cache'],
      this.#folder,
    ]);
    this.#mounted = true;
    this.#isLayered = true;
  }

  async unmount() {
    if (!this.#mounted) return;
    this.#mounted = false;
    await run('umount', ['--lazy', this.#folder]);
  }

  /** @param {number} bytes */
  async #resize(bytes) {
    await run('mount', ['-o', `remount,size=${bytes}`, this.#folder]);
  }
}

/**
 * The bytes that a folder takes on a tmpfs, which stores whole pages.
 *
 * @param {string} folder
 */
function bytesOnDisk(folder) {
  const page = 4096;
  return namesBelow(folder)
    .map((name) => fs.lstatSync(path.join(folder, name)))
    .map((stat) => (stat.isDirectory() ? page : stat.size))
    .reduce((sum, size) => sum + Math.ceil(size / page) * page, 0);
}

/**
 * Leaves in a cache directory what killed processes leave there.
 *
 * @param {string} cacheDirectory
 * @param {number} processID of the process that was killed
 */
function plantLeftovers(cacheDirectory, processID) {
  const parent = path.join(cacheDirectory, aside);
  const folder = path.join(parent, `${processID}-leftover`);
  fs.mkdirSync(path.join(folder, 'outputs/dist/read-only'), {
    recursive: true,
  });
  fs.writeFileSync(path.join(folder, '1.spool'), Buffer.alloc(100_000));
  fs.writeFileSync(path.join(folder, 'outputs/dist/read-only/x'), 'half');
  fs.symlinkSync('/etc', path.join(folder, 'outputs/dist/link'));
  fs.chmodSync(path.join(folder, 'outputs/dist/read-only'), 0o555);
  fs.writeFileSync(`${folder}.lock`, '');
  // As if killed before it made the folder.
  fs.writeFileSync(path.join(parent, `${processID}-lockonly.lock`), '');
}

/**
 * Takes results away from a cache directory while they are being stored, or
 * changes them, until the round is over.
 *
 * @param {string} cacheDirectory
 * @param {AbortSignal} over
 */
async function meddle(cacheDirectory, over) {
  /** @type {Map<string, number>} when they were first seen */
  const seen = new Map();
  for (let i = 0; !over.aborted; i++) {
    await sleep(20);
    for (const hash of resultsIn(cacheDirectory)) {
      const first = seen.get(hash) ?? Date.now();
      seen.set(hash, first);
      const folder = path.join(cacheDirectory, hash);
      const even = Number(hash.slice(-1)) % 2 === 0;
      // At once, as a whole: the cache skips a result that is gone.
      if (even) takeAway(folder, path.join(cacheDirectory, `taken-${i}`));
      // Later: a change before Nx hands the result over would become part of it.
      else if (Date.now() - first > 400) change(folder);
    }
  }
}

/** @param {string} cacheDirectory */
function resultsIn(cacheDirectory) {
  if (!fs.existsSync(cacheDirectory)) return [];
  return fs.readdirSync(cacheDirectory).filter((name) => /^\d+$/.test(name));
}

/**
 * @param {string} folder
 * @param {string} to
 */
function takeAway(folder, to) {
  try {
    fs.renameSync(folder, to);
  } catch {
    return; // another process was faster
  }
  fs.rmSync(to, { recursive: true, force: true });
}

/** @param {string} folder */
function change(folder) {
  for (const name of namesBelow(folder)) {
    const file = path.join(folder, name);
    const { size, atime, mtime } = fs.lstatSync(file);
    if (path.basename(file) !== 'digest.txt') continue;
    // The same size, and the same time as far as one can set it.
    fs.writeFileSync(file, 'x'.repeat(size));
    fs.utimesSync(file, atime, mtime);
  }
}

exports.Disk = Disk;
exports.aside = aside;
exports.bytesOnDisk = bytesOnDisk;
exports.canMount = canMount;
exports.canOverlay = canOverlay;
exports.meddle = meddle;
exports.plantLeftovers = plantLeftovers;
