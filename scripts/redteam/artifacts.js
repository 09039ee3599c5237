'use strict';

// Makes archives without a run of Nx. cache/archive describes the format.

const { buffer } = require('node:stream/consumers');
const tar = require('tar-stream');
const { zstd } = require('../kit/archives');
const { hash, poisoned } = require('./fixture');
const { metadataOf } = require('./storage');
const { output } = require('./workspace');

/**
 * An archive for the attacked task.
 *
 * @param {{ content?: string }} [options] `content` of the output
 * @returns {Promise<Buffer>}
 */
async function artifact({ content = poisoned } = {}) {
  const pack = tar.pack();
  const metadata = JSON.stringify({ format: 1, hash, code: 0 });
  pack.entry({ name: 'metadata.json' }, metadata);
  pack.entry({ name: 'terminalOutput' }, 'built\n');
  for (const name of ['outputs', 'outputs/dist', 'outputs/dist/words']) {
    pack.entry({ name: `${name}/`, type: 'directory', mode: 0o755 });
  }
  pack.entry({ name: `outputs/${output}`, mode: 0o644 }, content);
  pack.finalize();
  return zstd(await buffer(pack));
}

/**
 * The correct statement about an archive in the trusted scope.
 *
 * @param {Buffer} content
 */
function statementOf(content) {
  const { length, sha256 } = metadataOf(content);
  return {
    hash,
    scope: 'trusted',
    prefix: '',
    sha256,
    length: Number(length),
    code: 0,
    format: 1,
    provenance: {
      repository: 'acme/shop',
      ref: 'refs/heads/main',
      tool: 'nx-azure-cache 1.0.0',
      time: '2026-11-01T12:00:00Z',
    },
  };
}

exports.artifact = artifact;
exports.statementOf = statementOf;
