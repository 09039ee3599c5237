'use strict';

const { version } = require('../package.json');
const { diagnostics, withDiagnostic } = require('./diagnostics');
const { reasonOf } = require('./reason');

const unexpected = 'the cache process sent an unexpected response';

const reinstall =
  'install again, so that the lockfile has one version of nx-azure-cache and @nx-azure-cache/*';

/**
 * The fields of the response to `initialize` that the shim uses, and their types. All of
 * them end up in lines, paths or timers.
 */
const sessionTypes = {
  ...{ enabled: 'boolean', mode: 'string', reason: 'string', tasks: 'boolean' },
  ...{ scope: 'string', scopeReason: 'string', location: 'string' },
  ...{ session: 'string', drain: 'number' },
};

/**
 * Throws unless the response to `initialize` is from a server of this version.
 *
 * @param {any} session
 */
function checkSession(session) {
  const serverVersion = session?.serverVersion;
  if (typeof serverVersion === 'string' && serverVersion !== version) {
    throw versionError(
      `the package nx-azure-cache is ${version}, but its binary is ${reasonOf(serverVersion)}: ${reinstall}`,
    );
  }
  const isWhole = Object.entries(sessionTypes).every(
    ([name, type]) => typeof session?.[name] === type,
  );
  const isPatient = !session?.enabled || session.idleTimeout > 0;
  if (!serverVersion || !isWhole || !isPatient) {
    throw versionError(`${unexpected}: ${reinstall}`);
  }
}

/** @param {string} text */
function versionError(text) {
  return withDiagnostic(diagnostics.versionsDiffer, new Error(text));
}

/** The error of a response that the protocol does not allow. */
function unexpectedResponse() {
  return withDiagnostic(diagnostics.bug, new Error(unexpected));
}

exports.checkSession = checkSession;
exports.unexpectedResponse = unexpectedResponse;
