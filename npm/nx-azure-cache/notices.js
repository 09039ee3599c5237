'use strict';

const fs = require('node:fs');

/** @type {Map<string, string>} one line per kind of trouble */
const notices = new Map();

/**
 * Tells the user one thing, once the run is over: one line per kind, the
 * first one. Until then Nx may own the terminal (its TUI swallows what is
 * written to process.stderr, and a line written past it lands in the picture).
 *
 * @param {string} kind what the line is about; later lines of the kind are dropped
 * @param {string} text one line, without a secret, that says what to do
 */
function notice(kind, text) {
  if (notices.size === 0) process.once('exit', flush);
  if (!notices.has(kind)) notices.set(kind, text);
}

function flush() {
  const lines = [...notices.values()].map((text) =>
    `nx-azure-cache: ${text}`.replace(/[\s\p{Cc}]+/gu, ' ').trim(),
  );
  try {
    // In an exit listener only what is synchronous still happens.
    fs.writeSync(2, `${lines.join('\n')}\n`);
  } catch {
    // stderr is closed: nobody is there to be told.
  }
}

exports.notice = notice;
