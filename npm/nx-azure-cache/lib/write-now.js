'use strict';

const fs = require('node:fs');
const { sleep } = require('./notices');

/**
 * The most milliseconds that an exiting process waits for a full pipe to take more. A child
 * on a busy machine may have to wait for a CPU before it reads.
 */
const fullPipeTimeout = 2_000;

/**
 * Writes to a pipe without the event loop. Reports whether it has all bytes. The time limit
 * restarts whenever the child has read something. After an error or the time limit, the pipe
 * is closed: another message would become a part of this one, and would wait as long.
 *
 * @param {import('node:stream').Writable} stream
 * @param {Buffer} bytes
 */
function writeNow(stream, bytes) {
  if (stream.destroyed) return false;
  const fd = /** @type {any} */ (stream)._handle?.fd;
  // On Windows, and under Bun, a pipe has no descriptor.
  if (!(fd >= 0)) {
    stream.write(bytes);
    return true;
  }
  let since = performance.now();
  for (let written = 0; written < bytes.length;) {
    try {
      written += fs.writeSync(fd, bytes, written);
      since = performance.now();
    } catch (err) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (err);
      const isLate = performance.now() - since > fullPipeTimeout;
      if (code !== 'EAGAIN' || isLate) {
        stream.destroy();
        return false;
      }
      sleep(1);
    }
  }
  return true;
}

module.exports = { writeNow };
