'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * What is there of a result at the moment in which Nx hands it over: Snapshot in
 * rpc/doc.go.
 *
 * @typedef {{ time: number, changed?: string, inode?: string, lacking?: string }} Snapshot
 */

/**
 * Looks at the folder of a result. It is synchronous, as Nx's own `put` is: between the
 * two nothing else of this process runs. Another run of Nx in the workspace may remove
 * and fill the folder at any moment after that. One call of lstat, and one for each
 * declared output.
 *
 * @param {string} hash
 * @param {string} cacheDirectory
 * @param {{ workspaceRoot: string, outputs?: string[] }} declared
 * @returns {Snapshot | undefined} undefined when it cannot be looked at
 */
function takeSnapshot(hash, cacheDirectory, { workspaceRoot, outputs = [] }) {
  const time = Date.now();
  const folder = path.join(cacheDirectory, hash);
  try {
    const info = fs.lstatSync(folder, { bigint: true, throwIfNoEntry: false });
    if (!info) return { time };
    const lacking = outputs.find((output) =>
      isLacking(output, folder, workspaceRoot),
    );
    // Windows has change times and inodes, too, but Go does not say them there.
    const identity =
      process.platform === 'win32'
        ? { changed: String(info.mtimeNs) }
        : { changed: String(info.ctimeNs), inode: unsigned(info.ino) };
    return { time, ...identity, ...(lacking && { lacking }) };
  } catch {
    return undefined;
  }
}

/**
 * A number of 64 bits as Go has it: Node reads an inode as a signed one.
 *
 * @param {bigint} number
 */
function unsigned(number) {
  return String(BigInt.asUintN(64, number));
}

/**
 * Whether an output is in the workspace, but not in the folder, although Nx copies each
 * output that exists.
 *
 * @param {string} output
 * @param {string} folder
 * @param {string} workspaceRoot
 */
function isLacking(output, folder, workspaceRoot) {
  const quiet = { throwIfNoEntry: false };
  try {
    return (
      fs.lstatSync(path.join(folder, output), quiet) === undefined &&
      fs.statSync(path.join(workspaceRoot, output), quiet) !== undefined
    );
  } catch {
    return false; // such as one below a file, or a link in a circle: Nx copies none
  }
}

/**
 * The outputs of a task of which it can be said whether they are in the folder. Where one
 * is a pattern, Nx looks for all of them in its own way, which leaves out files.
 *
 * @param {unknown} outputs as Nx has them
 * @returns {string[]}
 */
function plainOutputs(outputs) {
  if (!Array.isArray(outputs)) return [];
  const isPlain = outputs.every(
    (output) => typeof output === 'string' && !/[*?!|()[\]{}]/.test(output),
  );
  return isPlain ? outputs.filter(isInside) : [];
}

/** @param {string} output */
function isInside(output) {
  const parts = path.normalize(output).split(path.sep);
  return !path.isAbsolute(output) && parts[0] !== '..' && output !== '';
}

exports.plainOutputs = plainOutputs;
exports.takeSnapshot = takeSnapshot;
