'use strict';

// What the rounds of some scenarios must achieve, beyond the checks of every round.

const { archivedAs } = require('./http-faults');
const { checkHits, ourLines } = require('./check');

/** @import { Requirement, Plan } from './plan' */
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

/** @type {Record<Requirement, (outcome: Outcome) => string[]>} */
const checks = {
  'archived entries are the only misses': ({ plan, tasks }) =>
    checkHits(tasks, plan, (hash) => !archivedAs(hash)),

  'one warning about the archive tier'({ result, before }) {
    const hasArchived = Object.keys(before).some((name) =>
      archivedAs(hashOf(name)),
    );
    const lines = ourLines(result.output).filter((line) =>
      /archive|rehydrat/i.test(line),
    );
    if (hasArchived && lines.length !== 1) {
      return [`${lines.length} lines name the archive tier, not 1`];
    }
    return lines
      .filter((line) => !/\bevict\b/.test(line))
      .map((line) => `does not name evict: ${line}`);
  },

  'entries are unchanged': ({ before, after, result }) => [
    ...Object.keys(before)
      .filter((name) => after[name] !== before[name])
      .map((name) => `a good entry was replaced: ${name}`),
    ...ourLines(result.output)
      .filter((line) =>
        /damaged: [1-9]|[1-9]\d* damaged|magic number|-1 bytes/.test(line),
      )
      .map((line) => `reports a good entry as damaged: ${line}`),
  ],

  'every result is stored or reported'({ plan, tasks, result, after }) {
    const stored = new Set(Object.keys(after).map(hashOf));
    const missing = plan.projects
      .map(({ name }) => tasks[`${name}:build`])
      .filter((task) => task?.code === 0 && !stored.has(task.hash));
    const isReported = ourLines(result.output).some((line) =>
      /not( all)? (be )?stored|maxCacheSize|removed/.test(line),
    );
    return missing.length > 0 && !isReported
      ? [`${missing.length} results are not stored, without a line`]
      : [];
  },
};

/** @param {string} name of a blob */
function hashOf(name) {
  return name.split('/').at(-1) ?? '';
}

/**
 * @param {Requirement[]} requirements
 * @param {Outcome} outcome
 */
function checkRequirements(requirements, outcome) {
  return requirements.flatMap((requirement) => checks[requirement](outcome));
}

exports.checkRequirements = checkRequirements;
