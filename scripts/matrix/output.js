'use strict';

const { withoutCode } = require('../kit/nx-runs');

/**
 * @param {readonly string[]} args
 * @param {string} output
 */
const withCommand = (args, output) => `${args.join(' ')}:\n${output.trim()}`;

/**
 * Our lines, without their codes. Nx's line about a failed command sometimes lacks its newline.
 *
 * @param {string} output
 */
const linesOfOurs = (output) =>
  [...output.matchAll(/nx-azure-cache: .*/g)].map(([line]) =>
    withoutCode(line),
  );

module.exports = { linesOfOurs, withCommand };
