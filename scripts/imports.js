'use strict';

// Which package may import which: scripts/check-imports.js checks it.

/**
 * Which packages of this module a package may import. A package that is missing
 * here has no place in the map yet: give it one.
 *
 * @type {Record<string, string[]>}
 */
const allowed = {
  // The format of an archive. Below it, frames knows only zstd, and tree only files.
  'cache/archive': [
    'cache/archive/frames',
    'cache/archive/tree',
    'cache/diskspace',
  ],
  'cache/archive/frames': [],
  // Compares what two archives hold, wherever they come from.
  'cache/archive/manifest': ['cache/archive'],
  'cache/archive/tree': ['cache/descriptors', 'cache/diskspace', 'cache/eintr'],
  // Limits of the machine. They know nothing of results.
  'cache/awake': [],
  // What Nx keeps in its local cache. Package cache decides what is stored.
  'cache/backfill': [
    'cache',
    'cache/archive',
    'cache/descriptors',
    'cache/directory',
    'cache/snapshot',
  ],
  'cache/descriptors': [],
  // Open directories: owners, modes and renames, whatever the directories contain.
  'cache/directory': ['cache/diskspace', 'cache/eintr', 'cache/fileerror'],
  // The codes of lines. Everything may attach one to an error.
  'cache/diagnostic': [],
  'cache/diagnostic/diagnostictest': ['cache/cachetest/repository'],
  'cache/diskspace': ['cache/eintr'],
  'cache/eintr': [],
  // The fix of each error of the file system; package cache decides which errors are.
  'cache/fileerror': ['cache/descriptors', 'cache/diskspace'],
  // How much happens at once, whatever it is.
  'cache/limiter': ['cache/descriptors'],
  'cache/printable': [],
  // Records of runs: a format that the cache itself does not depend on.
  'cache/runs': ['cache', 'cache/taskhash', 'cache/trust'],
  // The two halves of a record. It knows neither the protocol nor who reads the record.
  'cache/runs/recorder': [
    'cache',
    'cache/runs',
    'cache/taskhash',
    'cache/trust',
  ],
  // The folders of processes in the cache directory, without archives and the storage.
  'cache/scratch': ['cache/directory', 'cache/fileerror', 'cache/taskhash'],
  // The results that Nx handed over. rpc takes snapshots, cache checks them.
  'cache/snapshot': ['cache/archive'],
  // Below all packages that put a hash into a path, a name or a file.
  'cache/taskhash': [],
  'cache/trust': [],
  'cache/unwrap': [],
  // Which hits a run verifies, and what a difference is. Package cache decides which runs.
  'cache/verification': ['cache/archive/manifest', 'cache/trust'],
  cache: [
    'cache/archive',
    'cache/archive/manifest',
    'cache/descriptors',
    'cache/diskspace',
    'cache/fileerror',
    'cache/limiter',
    'cache/scratch',
    'cache/snapshot',
    'cache/taskhash',
    'cache/trust',
    'cache/verification',
  ],
  'cache/azure': [
    'cache',
    'cache/azure/download',
    'cache/azure/endpoint',
    'cache/azure/explain',
    'cache/azure/permissions',
    'cache/azure/signin',
    'cache/azure/transport',
  ],
  'cache/azure/azuretest': ['cache/azure/azuretest/faults'],
  'cache/azure/azuretest/faults': [],
  'cache/azure/download': [
    'cache/awake',
    'cache/azure/transport',
    'cache/descriptors',
  ],
  'cache/azure/endpoint': ['cache/azure/signin'],
  'cache/azure/explain': [
    'cache',
    'cache/azure/endpoint',
    'cache/azure/permissions',
    'cache/azure/signin',
    'cache/azure/transport',
    'cache/descriptors',
    'cache/fileerror',
  ],
  // What each use of a container requires, for errors, help and guides.
  'cache/azure/permissions': [],
  'cache/azure/signin': ['cache/awake'],
  'cache/azure/transport': [
    'cache',
    'cache/awake',
    'cache/azure/endpoint',
    'cache/fileerror',
  ],
  'cache/cachetest': ['cache', 'cache/snapshot', 'cache/trust'],
  'cache/cachetest/repository': [],
  license: [],
  rpc: [
    'cache',
    'cache/awake',
    'cache/backfill',
    'cache/directory',
    'cache/fileerror',
    'cache/runs',
    'cache/runs/recorder',
    'cache/scratch',
    'cache/snapshot',
    'cache/taskhash',
    'rpc/framing',
    'rpc/handover',
  ],
  'rpc/framing': [],
  'rpc/handover': ['cache/directory', 'cache/runs/recorder', 'cache/scratch'],
  // What the command lines of all binaries do alike.
  'cmd/internal/table': [],
  'cmd/internal/suggest': [],
  'cmd/internal/usage': ['cmd/internal/suggest'],
  // The rooms of the command: cmd → doctor, entries, drain → config, terminal. What each
  // knows and must not know is in its package comment.
  // Variables of .env files, which config reads below the environment. It knows no nx.json.
  'cmd/nx-azure-cache/internal/claims': [
    'cache',
    'cache/azure/transport',
    'cache/trust',
    'license',
  ],
  'cmd/nx-azure-cache/internal/config': [
    'cache',
    'cache/azure',
    'cache/azure/endpoint',
    'cache/azure/permissions',
    'cache/azure/signin',
    'cache/azure/transport',
    'cache/fileerror',
    'cache/trust',
    'cmd/internal/suggest',
    'cmd/nx-azure-cache/internal/claims',
    'cmd/nx-azure-cache/internal/taskfilter',
    'license',
  ],
  // Which records of runs count. What they mean is for others to say.
  'cmd/nx-azure-cache/internal/history': [
    'cache',
    'cache/azure',
    'cache/azure/permissions',
    'cache/directory',
    'cache/runs',
    'cache/scratch',
    'cache/trust',
    'cmd/nx-azure-cache/internal/config',
  ],
  // It takes a configuration and returns a report: no flags, no protocol.
  'cmd/nx-azure-cache/internal/doctor': [
    'cache',
    'cache/azure',
    'cache/azure/endpoint',
    'cache/azure/explain',
    'cache/azure/permissions',
    'cache/azure/signin',
    'cache/azure/transport',
    'cache/directory',
    'cache/runs',
    'cache/trust',
    'cmd/nx-azure-cache/internal/claims',
    'cmd/nx-azure-cache/internal/config',
    'cmd/nx-azure-cache/internal/doctor/report',
    'cmd/nx-azure-cache/internal/lastrun',
    'cmd/nx-azure-cache/internal/taskfilter',
    'cmd/nx-azure-cache/internal/terminal',
    'license',
  ],
  // It prints what doctor found, and examines nothing: no configuration, no storage.
  'cmd/nx-azure-cache/internal/doctor/report': [
    'cache',
    'cmd/nx-azure-cache/internal/terminal',
  ],
  // It watches another process's server, so it knows the state that one publishes.
  'cmd/nx-azure-cache/internal/drain': [
    'cache/awake',
    'cache/scratch',
    'cmd/nx-azure-cache/internal/terminal',
    'rpc',
  ],
  'cmd/nx-azure-cache/internal/entries': [
    'cache',
    'cache/azure',
    'cache/azure/permissions',
    'cache/runs',
    'cache/taskhash',
    'cache/trust',
    'cmd/internal/table',
    'cmd/nx-azure-cache/internal/config',
    'cmd/nx-azure-cache/internal/lastrun',
    'cmd/nx-azure-cache/internal/taskfilter',
    'cmd/nx-azure-cache/internal/terminal',
  ],
  // It concludes from records, and reads nothing. Of git, it knows the form of a hash.
  'cmd/nx-azure-cache/internal/causes': [
    'cache',
    'cache/runs',
    'cache/trust',
    'cmd/nx-azure-cache/internal/gitfiles',
  ],
  // It asks the storage and git, and prints.
  'cmd/nx-azure-cache/internal/misses': [
    'cache',
    'cache/directory',
    'cache/runs',
    'cache/trust',
    'cmd/nx-azure-cache/internal/causes',
    'cmd/nx-azure-cache/internal/config',
    'cmd/nx-azure-cache/internal/gitfiles',
    'cmd/nx-azure-cache/internal/history',
    'cmd/nx-azure-cache/internal/taskfilter',
    'cmd/nx-azure-cache/internal/terminal',
  ],
  // It knows files and commits, not what they are to Nx.
  'cmd/nx-azure-cache/internal/gitfiles': [],
  // It writes a finished record for a CI, wherever the record comes from.
  'cmd/nx-azure-cache/internal/jobsummary': [
    'cache',
    'cache/directory',
    'cache/runs',
    'cache/trust',
    'cmd/nx-azure-cache/internal/config',
    'cmd/nx-azure-cache/internal/gitfiles',
    'cmd/nx-azure-cache/internal/terminal',
  ],
  'cmd/nx-azure-cache/internal/lastrun': ['cache/directory', 'cache/taskhash'],
  // What becomes of the record of a run. It does not know who makes the record.
  'cmd/nx-azure-cache/internal/recording': [
    'cache',
    'cache/runs',
    'cache/scratch',
    'cache/trust',
    'cmd/nx-azure-cache/internal/gitfiles',
  ],
  'cmd/nx-azure-cache/internal/taskfilter': [],
  'cmd/nx-azure-cache/internal/terminal': [],
  // Shared by the tests of the rooms. It imports no room, so every room can use it.
  'cmd/nx-azure-cache/internal/testenv': [
    'cache/azure/azuretest',
    'cache/azure/azuretest/faults',
    'cache/cachetest/repository',
    'cache/trust',
    'license',
  ],
  'cmd/nx-azure-cache': [
    'cache',
    'cache/awake',
    'cache/azure',
    'cache/azure/endpoint',
    'cache/azure/explain',
    'cache/azure/permissions',
    'cache/azure/signin',
    'cache/azure/transport',
    'cache/fileerror',
    'cache/runs',
    'cache/scratch',
    'cache/taskhash',
    'cache/trust',
    'cmd/internal/table',
    'cmd/internal/usage',
    'cmd/nx-azure-cache/internal/claims',
    'cmd/nx-azure-cache/internal/config',
    'cmd/nx-azure-cache/internal/doctor',
    'cmd/nx-azure-cache/internal/doctor/report',
    'cmd/nx-azure-cache/internal/drain',
    'cmd/nx-azure-cache/internal/entries',
    'cmd/nx-azure-cache/internal/gitfiles',
    'cmd/nx-azure-cache/internal/history',
    'cmd/nx-azure-cache/internal/jobsummary',
    'cmd/nx-azure-cache/internal/misses',
    'cmd/nx-azure-cache/internal/recording',
    'cmd/nx-azure-cache/internal/taskfilter',
    'cmd/nx-azure-cache/internal/terminal',
    'license',
    'rpc',
  ],
  'cmd/nx-azure-testtool': [
    'cache/azure/azuretest',
    'cache/azure/azuretest/faults',
  ],
  'cmd/nx-azure-license': [
    'cmd/internal/table',
    'cmd/internal/usage',
    'license',
  ],
};

/**
 * Every package may import these. Errors carry codes, messages contain foreign strings, and one
 * function makes them safe to show. All readers of pasted values accept the same forms.
 */
const everywhere = ['cache/diagnostic', 'cache/printable', 'cache/unwrap'];

/**
 * Modules that few packages may import: each importer with its reason.
 *
 * @type {{ prefix: string, importers: Record<string, string>, reason: string }[]}
 */
const soleImporters = [
  {
    prefix: 'github.com/Azure/',
    importers: {
      'cache/azure': 'sends the requests for blobs',
      'cache/azure/explain': 'reads the status and error code of a response',
      'cache/azure/signin': 'gets tokens with azidentity',
    },
    reason: 'nothing above cache/azure knows the Azure SDK',
  },
  {
    prefix: 'github.com/sourcegraph/jsonrpc2',
    importers: {
      rpc: 'serves JSON-RPC',
      'rpc/framing': 'reads and writes its messages',
    },
    reason: 'nothing below it knows the wire',
  },
];

module.exports = { allowed, everywhere, soleImporters };
