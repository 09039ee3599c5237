'use strict';

// In CI, a line about a problem is also an annotation: the CI shows it on the page of the
// run, where people look first. An annotation replaces the plain line, because GitHub and
// Azure Pipelines also show an annotation's text in the log, at its place.
//
// These programs find commands in both streams of a step:
//
// - GitHub's runner gives the lines of stdout and of stderr to the same parser
//   (actions/runner, src/Runner.Worker/Handlers/ScriptHandler.cs and OutputManager.cs). It
//   obeys "::command" at the beginning of a line, and "##[command]" anywhere in a line
//   (src/Runner.Common/ActionCommand.cs).
// - Azure's tasks for scripts write the stderr of a script to their stdout or stderr
//   (microsoft/azure-pipelines-task-lib, node/toolrunner.ts), and the agent parses both
//   (microsoft/azure-pipelines-agent, src/Agent.Worker/Handlers/NodeHandler.cs). It obeys
//   "##vso[command]" anywhere in a line (Microsoft.VisualStudio.Services.Agent/Command.cs).
// - GitLab keeps one log of both, in which ESC and CR delimit sections
//   (docs.gitlab.com/ci/jobs/job_logs).
//
// printable.js escapes all of these in foreign strings, so only this module writes them.

/**
 * A line to be printed, without its line end. All its characters are printable.
 *
 * @typedef {object} Line
 * @property {string} line
 * @property {string} code such as NXAC012; '' if it has none
 * @property {boolean} isProblem whether someone should do something about it
 */

/**
 * Formats the lines as the CI shows them best, each with its line end.
 *
 * @typedef {(lines: Line[]) => string} Format
 */

/** @type {Format} */
const plain = (lines) => lines.map(({ line }) => `${line}\n`).join('');

/** @type {Format} */
const github = (lines) =>
  lines
    .map((line) => {
      if (!line.isProblem) return plain([line]);
      const title = escape(`nx-azure-cache ${line.code}`.trim(), githubTitle);
      return `::warning title=${title}::${escape(line.line, githubText)}\n`;
    })
    .join('');

/** The characters that the title of an annotation cannot contain, and their escapes. */
const githubTitle = new Map([
  ['%', '%25'],
  ['\r', '%0D'],
  ['\n', '%0A'],
  [':', '%3A'],
  [',', '%2C'],
]);

const githubText = new Map([...githubTitle].slice(0, 3));

/** @type {Format} */
const azurePipelines = (lines) =>
  lines
    .map((line) => {
      if (!line.isProblem) return plain([line]);
      const code = line.code && `;code=${escape(line.code, azureText)}`;
      const text = escape(line.line, azureText);
      return `##vso[task.logissue type=warning${code}]${text}\n`;
    })
    .join('');

const azureText = new Map([
  ['%', '%AZP25'],
  ['\r', '%0D'],
  ['\n', '%0A'],
  [';', '%3B'],
  [']', '%5D'],
]);

/**
 * The command that uploads a summary to the page of the run in Azure Pipelines. The file must
 * exist: otherwise the agent fails the whole step (microsoft/azure-pipelines-agent,
 * src/Agent.Worker/TaskCommandExtension.cs).
 *
 * @param {string} file
 */
function uploadSummary(file) {
  return `##vso[task.uploadsummary]${escape(file, azureText)}\n`;
}

/**
 * GitLab has no annotations. A section with a header makes the problems stand out in the
 * log; it is open until someone closes it.
 *
 * @type {Format}
 */
const gitlab = (lines) => {
  const problems = lines.filter(({ isProblem }) => isProblem);
  if (problems.length === 0) return plain(lines);
  const mark = (/** @type {'start' | 'end'} */ what) =>
    `\x1b[0Ksection_${what}:${Math.floor(Date.now() / 1000)}:nx_azure_cache_${process.pid}\r\x1b[0K`;
  const header = `Problems of the remote cache (nx-azure-cache): ${problems.length}`;
  return (
    `${mark('start')}${header}\n${plain(problems)}${mark('end')}\n` +
    plain(lines.filter(({ isProblem }) => !isProblem))
  );
};

/**
 * @param {string} text
 * @param {Map<string, string>} escapes by character
 */
function escape(text, escapes) {
  return Array.from(text, (char) => escapes.get(char) ?? char).join('');
}

/**
 * The format of the CI that runs this process.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files: a checkout must not
 *   turn lines into commands
 * @returns {Format}
 */
function formatOf(env) {
  if (isTrue(env.GITHUB_ACTIONS)) return github;
  if (isAzurePipelines(env)) return azurePipelines;
  if (isTrue(env.GITLAB_CI)) return gitlab;
  return plain;
}

/** @param {NodeJS.ProcessEnv} env */
function isAzurePipelines({ GITHUB_ACTIONS, TF_BUILD }) {
  return isTrue(TF_BUILD) && !isTrue(GITHUB_ACTIONS);
}

/** @param {string | undefined} value */
function isTrue(value) {
  return value?.toLowerCase() === 'true';
}

exports.formatOf = formatOf;
exports.isAzurePipelines = isAzurePipelines;
exports.plain = plain;
exports.uploadSummary = uploadSummary;
