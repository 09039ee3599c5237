'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * The state of a result's folder when Nx hands the result over: Snapshot in rpc/doc.go.
 *
 * @typedef {{ time: number, changed?: string, inode?: string, lacking?: string }} Snapshot
 */

/**
 * Examines the folder of a result. It is synchronous, like Nx's own `put`, so that no other
 * code of this process runs between the two. Another run of Nx in the workspace may replace
 * the folder at any moment after that. It calls lstat once for the folder and once for each
 * declared output.
 *
 * @param {string} hash
 * @param {string} cacheDirectory
 * @param {{ workspaceRoot: string, outputs?: string[] }} declared
 * @returns {Snapshot | undefined} undefined if it cannot be examined
 */
function takeSnapshot(hash, cacheDirectory, { workspaceRoot, outputs = [] }) {
  const time = Date.now();
  const folder = path.join(cacheDirectory, hash);
  try {
    const info = fs.lstatSync(folder, { bigint: true, throwIfNoEntry: false });
    if (!info) return { time };
    const lacking = outputs.find((output) =>
      isMissing(output, folder, workspaceRoot),
    );
    // Windows has change times and inodes, too, but Go does not expose them there.
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
 * Converts an inode to Go's unsigned 64 bits. Node reads it as signed.
 *
 * @param {bigint} number
 */
function unsigned(number) {
  return String(BigInt.asUintN(64, number));
}

/**
 * Whether an output exists in the workspace but not in the folder, although Nx copies every
 * output that exists.
 *
 * @param {string} output
 * @param {string} folder
 * @param {string} workspaceRoot
 */
function isMissing(output, folder, workspaceRoot) {
  const quiet = { throwIfNoEntry: false };
  try {
    return (
      fs.lstatSync(path.join(folder, output), quiet) === undefined &&
      fs.statSync(path.join(workspaceRoot, output), quiet) !== undefined
    );
  } catch {
    return false; // such as a path below a file or a circular link, which Nx does not copy
  }
}

/**
 * The outputs of a task that can be looked for in the folder. If one of them is a pattern,
 * none can, because Nx then resolves all of them in its own way, which skips files.
 *
 * @param {unknown} outputs as in Nx
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
