'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isAzurePipelines, uploadSummary } = require('./annotations');
const { command } = require('./notices');

/**
 * Makes Azure Pipelines show the summary that the server of a session has written, if it has:
 * Go package jobsummary. Other CIs read theirs without a command.
 *
 * @param {NodeJS.ProcessEnv} env without variables from .env files: a checkout must not
 *   choose what is uploaded
 * @param {string} session the name of the server's folder
 */
function uploadJobSummary(env, session) {
  const folder = env.AGENT_TEMPDIRECTORY;
  if (!isAzurePipelines(env) || !folder) return;
  const file = path.join(folder, `nx-azure-cache-${session}.md`);
  try {
    if (fs.lstatSync(file).isFile()) command(uploadSummary(file));
  } catch {} // there is none
}

exports.uploadJobSummary = uploadJobSummary;
