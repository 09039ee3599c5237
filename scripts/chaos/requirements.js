'use strict';

// What the rounds of some scenarios must achieve, beyond what is always true.

const { archivedAs } = require('./http-faults');
const { checkHits, ourLines } = require('./check');

/** @import { Must, Plan } from './plan' */
/** @import { Tasks } from './check' */
/** @import { Result } from '../kit/run' */

/**
 * @typedef {object} Outcome
 * @property {Plan} plan
 * @property {Result} result
 * @property {Tasks} tasks
 * @property {Record<string, string>} before ETags of the entries by name
 * @property {Record<string, string>} after
 */

/** @type {Record<Must, (outcome: Outcome) => string[]>} */
const checks = {
  'hit what is not archived': ({ plan, tasks }) =>
    checkHits(tasks, plan, (hash) => !archivedAs(hash)),

  'name the archive'({ result, before }) {
    const isMet = Object.keys(before).some((name) => archivedAs(hashOf(name)));
    const lines = ourLines(result.output).filter((line) =>
      /archive|rehydrat/i.test(line),
    );
    if (isMet && lines.length !== 1) {
      return [`${lines.length} lines name the archive tier, not 1`];
    }
    return lines
      .filter((line) => !/\bevict\b/.test(line))
      .map((line) => `does not name evict: ${line}`);
  },

  'keep entries': ({ before, after, result }) => [
    ...Object.keys(before)
      .filter((name) => after[name] !== before[name])
      .map((name) => `a good entry was replaced: ${name}`),
    ...ourLines(result.output)
      .filter((line) =>
        /damaged: [1-9]|[1-9]\d* damaged|magic number|-1 bytes/.test(line),
      )
      .map((line) => `says that a good entry is damaged: ${line}`),
  ],

  'store or say'({ plan, tasks, result, after }) {
    const stored = new Set(Object.keys(after).map(hashOf));
    const missing = plan.projects
      .map(({ name }) => tasks[`${name}:build`])
      .filter((task) => task?.code === 0 && !stored.has(task.hash));
    const isSaid = ourLines(result.output).some((line) =>
      /not( all)? (be )?stored|maxCacheSize|removed/.test(line),
    );
    return missing.length > 0 && !isSaid
      ? [`${missing.length} results are not stored, without a line`]
      : [];
  },
};

/** @param {string} name of a blob */
function hashOf(name) {
  return name.split('/').at(-1) ?? '';
}

/**
 * @param {Must[]} musts
 * @param {Outcome} outcome
 */
function checkRequirements(musts, outcome) {
  return musts.flatMap((must) => checks[must](outcome));
}

exports.checkRequirements = checkRequirements;
