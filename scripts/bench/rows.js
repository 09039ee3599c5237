'use strict';

// What is measured: the rows of the table.

/** @import { Link } from './servers' */

/**
 * Who takes part. Clients of a remote cache: `ours`; `nx`, Nx's own HTTP
 * client; `plain`, a plugin in plain JavaScript. `ours` is a run of CI on main,
 * which reads one scope; `two scopes` is ours as a developer's machine, which
 * asks for each result in two. Limits: what the machine can do at best. Of whole
 * runs: `local`, with a local cache only, and `none`, without results anywhere.
 *
 * @typedef {'ours' | 'two scopes' | 'nx' | 'plain'} ClientName
 * @typedef {'cp -r' | 'tar | zstd' | 'write' | 'raw GET'} LimitName
 * @typedef {ClientName | LimitName | 'local' | 'none'} Contender
 */

/**
 * @typedef {object} Row
 * @property {string} id names it for --only, and in the budgets
 * @property {'store' | 'retrieve' | 'miss' | 'open' | 'initialize' | 'run'} action
 * @property {string} workload
 * @property {number} [copies] how many results at once; default: all
 * @property {Link | 'azurite'} link
 * @property {Contender[]} contenders
 * @property {WholeRun} [run] of the action `run`
 * @property {string} title
 */

/**
 * @typedef {object} WholeRun
 * @property {number} tasks
 * @property {boolean} isMiss whether the tasks run, as nothing is stored
 * @property {string} [nx] another version of Nx
 */

/** @type {ClientName[]} */
const all = ['ours', 'nx', 'plain'];

/** @type {Record<string, string>} */
const short = {
  W0: '1 MB',
  W1: '2,000 files, 20 MB',
  W2: '200 MB',
  W2q: '40 MB',
  W3: '100 MB incompressible',
  W4: '300 results of 20 KB at once',
  W5: '20,000 files, 45 MB',
  tiny: '2 results of 20 KB',
};

const linkTitles = {
  loopback: '',
  account: ' (20 ms, 60 MB/s)',
  azurite: ' (Azurite)',
};

/**
 * @param {'store' | 'retrieve'} action
 * @param {string} workload
 * @param {Contender[]} contenders
 * @param {{ copies?: number, link?: Row['link'] }} [options]
 * @returns {Row}
 */
function row(action, workload, contenders, { copies, link } = {}) {
  const by = copies && copies > 1 ? `${copies} × ` : '';
  const where = link ? ` ${link}` : '';
  return {
    id: `${action} ${by.replaceAll(' ', '')}${workload}${where}`,
    action,
    workload,
    copies,
    link: link ?? 'loopback',
    contenders,
    title: `${action} ${by}${short[workload]}${linkTitles[link ?? 'loopback']}`,
  };
}

const one = { copies: 1 };
const eight = { copies: 8 };
const far = { link: /** @type {const} */ ('account') };
const azurite = { link: /** @type {const} */ ('azurite') };

/** @type {Row[]} */
const starts = [
  {
    id: 'initialize',
    action: 'initialize',
    workload: '',
    link: 'loopback',
    contenders: ['ours'],
    title: 'start: spawn to `initialize` answered',
  },
  {
    id: 'open',
    action: 'open',
    workload: '',
    link: 'loopback',
    contenders: all,
    title: 'start: `getRemoteCache` to the first response, a miss',
  },
];

/**
 * Misses: no result is stored, and all are requested at once.
 *
 * @param {number} copies
 * @returns {Row}
 */
const misses = (copies) => ({
  id: `miss ${copies} account`,
  action: 'miss',
  workload: '',
  copies,
  link: 'account',
  contenders: ['ours', 'two scopes'],
  title: `${copies} misses at once${linkTitles.account}`,
});

/** @type {Row} */
const wholeRun = {
  id: 'run',
  action: 'run',
  workload: 'W6',
  link: 'loopback',
  contenders: ['ours', 'nx', 'local'],
  run: { tasks: 300, isMiss: false },
  title: 'whole `nx run-many`, 300 tasks',
};

/**
 * Nx 22.7 asks for each pending task at each scheduling step.
 *
 * @type {Row}
 */
const repeatedMisses = {
  id: 'run misses account',
  action: 'run',
  workload: 'W7',
  link: 'account',
  contenders: ['ours', 'nx', 'none'],
  run: { tasks: 60, isMiss: true, nx: '22.7.12' },
  title: `whole \`nx run-many\` of Nx 22, 60 misses${linkTitles.account}`,
};

/** @type {Row[]} */
const full = [
  ...starts,
  row('store', 'W0', all, one),
  row('store', 'W1', [...all, 'tar | zstd'], one),
  row('store', 'W2', [...all, 'tar | zstd'], one),
  row('store', 'W3', [...all, 'tar | zstd'], one),
  row('store', 'W4', all),
  row('store', 'W5', [...all, 'tar | zstd'], one),
  row('store', 'W1', all, eight),
  row('retrieve', 'W1', [...all, 'cp -r', 'raw GET'], one),
  row('retrieve', 'W2', [...all, 'write', 'raw GET'], one),
  row('retrieve', 'W3', [...all, 'write', 'raw GET'], one),
  row('retrieve', 'W4', [...all, 'cp -r', 'raw GET']),
  row('retrieve', 'W5', [...all, 'cp -r', 'raw GET'], one),
  row('retrieve', 'W1', [...all, 'cp -r'], eight),
  row('retrieve', 'W2', [...all, 'write'], eight),
  row('store', 'W1', all, { ...one, ...far }),
  row('store', 'W2', all, { ...one, ...far }),
  row('retrieve', 'W1', [...all, 'raw GET'], { ...one, ...far }),
  row('retrieve', 'W2', [...all, 'raw GET'], { ...one, ...far }),
  row('retrieve', 'W4', [...all, 'raw GET'], far),
  misses(300),
  row('store', 'W1', ['ours', 'plain'], { ...one, ...azurite }),
  row('retrieve', 'W1', ['ours', 'plain'], { ...one, ...azurite }),
  wholeRun,
  repeatedMisses,
];

/** @type {Row[]} for daily use: about a minute */
const quick = [
  ...starts,
  row('store', 'W1', ['ours', 'nx', 'tar | zstd'], one),
  row('store', 'W2q', ['ours', 'nx', 'tar | zstd'], one),
  row('retrieve', 'W1', ['ours', 'nx', 'cp -r'], one),
  row('retrieve', 'W2q', ['ours', 'nx', 'write'], one),
  row('retrieve', 'W4', ['ours', 'nx', 'raw GET']),
  row('retrieve', 'W2q', ['ours', 'nx', 'write'], eight),
  row('retrieve', 'W2q', ['ours', 'nx'], { ...one, ...far }),
  row('retrieve', 'W4', ['ours', 'nx', 'raw GET'], far),
  misses(300),
];

/** @type {Row[]} for the test that the bench works */
const tiny = [
  // First: nothing has started their storages yet.
  row('store', 'tiny', ['ours', 'nx'], far),
  row('retrieve', 'tiny', ['ours', 'nx'], far),
  misses(2),
  ...starts,
  row('store', 'tiny', [...all, 'tar | zstd']),
  row('retrieve', 'tiny', [...all, 'cp -r', 'raw GET']),
];

exports.short = short;
exports.sets = { full, quick, tiny };
