'use strict';

// Records the calls of Nx to the cache, their results and durations. `recordCalls` loads this
// file into every process of a run (node --require); only Nx's own process records.

const fs = require('node:fs');
const path = require('node:path');

/**
 * @typedef {object} Call
 * @property {string} method
 * @property {any[]} args
 * @property {any} [result]
 * @property {string} [error] if the call was rejected
 * @property {number} took milliseconds
 */

const file = process.env.FAULTS_CALLS;
const isNx = /^nx(\.js)?$/.test(path.basename(process.argv[1] ?? ''));
if (file && isNx) recordTo(file);

/** @param {string} file */
function recordTo(file) {
  const slot = '@nx/powerpack-azure-cache';
  const shim = require(require.resolve(slot, { paths: [process.cwd()] }));
  const { getRemoteCache } = shim;
  const { beforeStore = () => {}, afterStore = () => {} } = hooks();

  const record = (/** @type {Call} */ call) =>
    fs.appendFileSync(file, `${JSON.stringify(call)}\n`);

  /** @type {(target: any, method: string) => (...args: any[]) => Promise<any>} */
  const recorded =
    (target, method) =>
    async (...args) => {
      if (method === 'store') beforeStore(...args);
      const started = performance.now();
      const took = () => performance.now() - started;
      try {
        const result = await target[method](...args);
        if (method === 'store') afterStore(...args);
        record({ method, args, result, took: took() });
        return result;
      } catch (err) {
        record({ method, args, error: String(err), took: took() });
        throw err;
      }
    };

  shim.getRemoteCache = async () => {
    const cache = await recorded({ getRemoteCache }, 'getRemoteCache')();
    return (
      cache && {
        retrieve: recorded(cache, 'retrieve'),
        store: recorded(cache, 'store'),
      }
    );
  };
}

/** @typedef {(hash: string, cacheDirectory: string) => void} Hook */

/** @returns {{ beforeStore?: (...args: any[]) => void, afterStore?: (...args: any[]) => void }} */
function hooks() {
  const file = process.env.FAULTS_HOOKS;
  return file ? require(file) : {};
}

/**
 * Records the calls of Nx on a machine from now on.
 *
 * @param {import('../kit/machine').Machine} machine
 * @param {{ beforeStore?: Hook, afterStore?: Hook }} [hooks] run before and after each
 *   call of `store`, in Nx's process, so they cannot use variables of the test
 */
function recordCalls(machine, hooks) {
  const file = path.join(machine.home, 'calls');
  machine.env.NODE_OPTIONS = `--require=${__filename}`;
  machine.env.FAULTS_CALLS = file;
  if (hooks) {
    const script = path.join(machine.home, 'hooks.js');
    const entries = Object.entries(hooks).map(
      ([name, hook]) => `exports.${name} = { ${hook} }.${hook.name};\n`,
    );
    fs.writeFileSync(script, entries.join(''));
    machine.env.FAULTS_HOOKS = script;
  }
  return {
    /**
     * @param {string} [method]
     * @returns {Call[]} the completed calls
     */
    calls(method) {
      if (!fs.existsSync(file)) return [];
      const lines = fs.readFileSync(file, 'utf8').split('\n');
      lines.pop(); // empty, or still being written
      const calls = lines.map((line) => JSON.parse(line));
      return method ? calls.filter((call) => call.method === method) : calls;
    },
  };
}

exports.recordCalls = recordCalls;
