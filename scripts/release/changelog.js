'use strict';

// Reads CHANGELOG.md, in the format of keepachangelog.com 1.1.0.

/**
 * @typedef {object} Release
 * @property {string} version such as "1.2.3", or "Unreleased"
 * @property {string} date such as "2026-12-01"; empty until the version is out
 * @property {string} notes Markdown
 */

/** `## [1.2.3] - 2026-12-01`, `## [1.2.3] - unreleased` or `## [Unreleased]`. */
const heading =
  /^## \[(Unreleased|\d+\.\d+\.\d+(?:-[\w.]+)?)\](?: - (\d{4}-\d\d-\d\d|unreleased))?$/;

const link = /^\[([^\]]+)\]: (\S+)$/;

/**
 * @param {string} text
 * @returns {{ releases: Release[], links: Record<string, string> }} newest release first
 */
function parseChangelog(text) {
  /** @type {Release[]} */
  const releases = [];
  /** @type {Record<string, string>} */
  const links = {};
  for (const line of text.split('\n')) {
    const [, name, url] = link.exec(line) ?? [];
    if (name) {
      links[name] = url;
      continue;
    }
    if (line.startsWith('## ')) {
      const [, version, date = ''] = heading.exec(line) ?? [];
      if (!version)
        throw new Error(`CHANGELOG.md: unexpected heading: ${line}`);
      const isOut = date !== '' && date !== 'unreleased';
      releases.push({ version, date: isOut ? date : '', notes: '' });
      continue;
    }
    const release = releases.at(-1);
    if (release) release.notes += `${line}\n`;
  }
  for (const release of releases) release.notes = release.notes.trim();
  return { releases, links };
}

/**
 * The notes of the version that a tag releases.
 *
 * @param {string} text CHANGELOG.md
 * @param {string} version of package.json
 * @param {string} tag
 */
function notesForTag(text, version, tag) {
  if (tag !== `v${version}`) {
    throw new Error(
      `the tag is ${tag}, but package.json has version ${version}: tag the commit v${version}`,
    );
  }
  const { releases } = parseChangelog(text);
  const release = releases.find((release) => release.version === version);
  if (!release?.date) {
    throw new Error(
      `CHANGELOG.md has no release date for ${version}: change its heading to "## [${version}] - YYYY-MM-DD"`,
    );
  }
  return `${release.notes}\n`;
}

exports.notesForTag = notesForTag;
exports.parseChangelog = parseChangelog;
