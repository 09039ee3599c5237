'use strict';

// The rows of the table: what the bench measures.

/** @import { Link } from './servers' */

/**
 * The contenders. `ours`, `nx` (Nx's own HTTP client) and `plain` (a plugin in
 * plain JavaScript) are clients of a remote cache. `ours` runs as CI does on
 * main, and reads one scope; `two scopes` is our client on a developer's
 * machine, which requests each result in two. The limits are the best that the
 * machine can do. Whole runs also have `local`, with a local cache only, and
 * `none`, without results anywhere. `local hits` are ours on a developer's machine
 * whose local cache has all results, `backfill` with azure.backfill, and
 * `backfill all` with a storage that has no result. `local records` are `local hits`
 * whose run stores a record. `records` and `no records` are ours in CI with and without
 * the record of the run.
 *
 * @typedef {'ours' | 'two scopes' | 'nx' | 'plain'} ClientName
 * @typedef {'cp -r' | 'tar | zstd' | 'write' | 'raw GET'} LimitName
 * @typedef {'local hits' | 'local records' | 'backfill' | 'backfill all'} LocalHitsName
 * @typedef {'records' | 'no records'} RecordsName
 * @typedef {ClientName | LimitName | LocalHitsName | RecordsName | 'local' | 'none'} Contender
 */

/**
 * @typedef {object} Row
 * @property {string} id names it for --only, and in the budgets
 * @property {'store' | 'retrieve' | 'miss' | 'open' | 'initialize' | 'run'} action
 * @property {string} workload
 * @property {number} [copies] how many results at once; default: all
 * @property {Link | 'azurite'} link
 * @property {Contender[]} contenders
 * @property {WholeRun} [run] for the action `run`
 * @property {string} title
 */

/**
 * @typedef {object} WholeRun
 * @property {number} tasks
 * @property {boolean} isMiss whether nothing is stored, so that the tasks run
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

const oneCopy = { copies: 1 };
const eightCopies = { copies: 8 };
const slowLink = { link: /** @type {const} */ ('account') };
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
 * Nx 22.7 requests each pending task's result at each scheduling step.
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

/** @type {Row} */
const localHits = {
  id: 'run local hits account',
  action: 'run',
  workload: 'W6',
  link: 'account',
  contenders: [
    'local',
    'local hits',
    'local records',
    'backfill',
    'backfill all',
  ],
  run: { tasks: 300, isMiss: false },
  title: `whole \`nx run-many\`, 300 local hits${linkTitles.account}`,
};

/**
 * A run in CI waits until its record is stored.
 *
 * @type {Row}
 */
const records = {
  id: 'run records account',
  action: 'run',
  workload: 'W6',
  link: 'account',
  contenders: ['records', 'no records'],
  run: { tasks: 300, isMiss: false },
  title: `whole \`nx run-many\`, 300 remote hits${linkTitles.account}`,
};

/** @type {Row[]} */
const full = [
  ...starts,
  row('store', 'W0', all, oneCopy),
  row('store', 'W1', [...all, 'tar | zstd'], oneCopy),
  row('store', 'W2', [...all, 'tar | zstd'], oneCopy),
  row('store', 'W3', [...all, 'tar | zstd'], oneCopy),
  row('store', 'W4', all),
  row('store', 'W5', [...all, 'tar | zstd'], oneCopy),
  row('store', 'W1', all, eightCopies),
  row('retrieve', 'W1', [...all, 'cp -r', 'raw GET'], oneCopy),
  row('retrieve', 'W2', [...all, 'write', 'raw GET'], oneCopy),
  row('retrieve', 'W3', [...all, 'write', 'raw GET'], oneCopy),
  row('retrieve', 'W4', [...all, 'cp -r', 'raw GET']),
  row('retrieve', 'W5', [...all, 'cp -r', 'raw GET'], oneCopy),
  row('retrieve', 'W1', [...all, 'cp -r'], eightCopies),
  row('retrieve', 'W2', [...all, 'write'], eightCopies),
  row('store', 'W1', all, { ...oneCopy, ...slowLink }),
  row('store', 'W2', all, { ...oneCopy, ...slowLink }),
  row('retrieve', 'W1', [...all, 'raw GET'], { ...oneCopy, ...slowLink }),
  row('retrieve', 'W2', [...all, 'raw GET'], { ...oneCopy, ...slowLink }),
  row('retrieve', 'W4', [...all, 'raw GET'], slowLink),
  misses(300),
  row('store', 'W1', ['ours', 'plain'], { ...oneCopy, ...azurite }),
  row('retrieve', 'W1', ['ours', 'plain'], { ...oneCopy, ...azurite }),
  wholeRun,
  localHits,
  records,
  repeatedMisses,
];

/** @type {Row[]} for daily use: about a minute */
const quick = [
  ...starts,
  row('store', 'W1', ['ours', 'nx', 'tar | zstd'], oneCopy),
  row('store', 'W2q', ['ours', 'nx', 'tar | zstd'], oneCopy),
  row('retrieve', 'W1', ['ours', 'nx', 'cp -r'], oneCopy),
  row('retrieve', 'W2q', ['ours', 'nx', 'write'], oneCopy),
  row('retrieve', 'W4', ['ours', 'nx', 'raw GET']),
  row('retrieve', 'W2q', ['ours', 'nx', 'write'], eightCopies),
  row('retrieve', 'W2q', ['ours', 'nx'], { ...oneCopy, ...slowLink }),
  row('retrieve', 'W4', ['ours', 'nx', 'raw GET'], slowLink),
  misses(300),
];

/** @type {Row[]} for bench.test.js */
const tiny = [
  // These come first, while nothing has started their storages.
  row('store', 'tiny', ['ours', 'nx'], slowLink),
  row('retrieve', 'tiny', ['ours', 'nx'], slowLink),
  misses(2),
  ...starts,
  row('store', 'tiny', [...all, 'tar | zstd']),
  row('retrieve', 'tiny', [...all, 'cp -r', 'raw GET']),
];

exports.short = short;
exports.sets = { full, quick, tiny };
