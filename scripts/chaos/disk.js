'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { atEnd } = require('../kit/cleanup');
const { attempt, run } = require('../kit/run');
const { namesBelow } = require('../kit/tree');

/** Name of the folder in Nx's cache directory in which our processes work. */
const scratchName = '.nx-azure-cache';

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
    return false; // the command mount is missing
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
 * The file system of Nx's cache directory. It can become a small disk, or an overlay whose
 * lower layer has the previous content.
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

  /**
   * Mounts a disk of this size, or resizes the one that is mounted.
   *
   * @param {number} bytes
   */
  async shrink(bytes) {
    if (!this.#mounted) {
      fs.mkdirSync(this.#folder, { recursive: true });
      await run('mount', mountArguments(this.#folder, bytes));
      this.#mounted = true;
    }
    await this.#resize(bytes);
  }

  /** Makes a small disk large enough for every round. */
  async grow() {
    if (this.#mounted && !this.#isLayered) await this.#resize(1 << 30);
  }

  /**
   * Mounts an overlay with the folder's content as the lower layer. As in a container, the
   * folders of that layer cannot be renamed.
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
 * How many bytes a folder takes on a tmpfs, which stores whole pages.
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
 * Creates the leftovers of a killed process in a cache directory.
 *
 * @param {string} cacheDirectory
 * @param {number} processID of the process that was killed
 */
function plantLeftovers(cacheDirectory, processID) {
  const parent = path.join(cacheDirectory, scratchName);
  const folder = path.join(parent, `${processID}-leftover`);
  fs.mkdirSync(path.join(folder, 'outputs/dist/read-only'), {
    recursive: true,
  });
  fs.writeFileSync(path.join(folder, '1.spool'), Buffer.alloc(100_000));
  fs.writeFileSync(path.join(folder, 'outputs/dist/read-only/x'), 'half');
  fs.symlinkSync('/etc', path.join(folder, 'outputs/dist/link'));
  fs.chmodSync(path.join(folder, 'outputs/dist/read-only'), 0o555);
  fs.writeFileSync(`${folder}.lock`, '');
  // A process that was killed before it made its folder leaves only this file.
  fs.writeFileSync(path.join(parent, `${processID}-lockonly.lock`), '');
}

/**
 * Removes or changes results in a cache directory while they are being stored, until the
 * round is over.
 *
 * @param {string} cacheDirectory
 * @param {AbortSignal} over
 */
async function tamper(cacheDirectory, over) {
  /** @type {Map<string, number>} when each result was first seen */
  const firstSeen = new Map();
  for (let i = 0; !over.aborted; i++) {
    await sleep(20);
    for (const hash of resultsIn(cacheDirectory)) {
      const since = firstSeen.get(hash) ?? Date.now();
      firstSeen.set(hash, since);
      const folder = path.join(cacheDirectory, hash);
      const isEven = Number(hash.slice(-1)) % 2 === 0;
      // Removed at once and whole: the cache skips a missing result.
      if (isEven) takeAway(folder, path.join(cacheDirectory, `taken-${i}`));
      // Changed later: a change before Nx calls store would become part of the result.
      else if (Date.now() - since > 400) change(folder);
    }
  }
}

/** @param {string} cacheDirectory */
function resultsIn(cacheDirectory) {
  if (!fs.existsSync(cacheDirectory)) return [];
  return fs.readdirSync(cacheDirectory).filter((name) => /^\d+$/.test(name));
}

/**
 * Removes a folder in one step, by way of another name.
 *
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
    // Size and modification time stay the same; ctime cannot be set.
    fs.writeFileSync(file, 'x'.repeat(size));
    fs.utimesSync(file, atime, mtime);
  }
}

exports.Disk = Disk;
exports.scratchName = scratchName;
exports.bytesOnDisk = bytesOnDisk;
exports.canMount = canMount;
exports.canOverlay = canOverlay;
exports.tamper = tamper;
exports.plantLeftovers = plantLeftovers;
