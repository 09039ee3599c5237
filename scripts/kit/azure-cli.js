'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * Makes a stub of the Azure CLI that is signed in.
 *
 * @param {string} folder
 * @param {string} token that it prints; `$resource` in it becomes the requested service
 * @param {{ seconds?: number }} [options] how long each call takes
 */
function stubAzureCLI(folder, token, { seconds = 0 } = {}) {
  const tools = path.join(folder, 'tools');
  const log = path.join(folder, 'resources');
  fs.mkdirSync(tools, { recursive: true });
  const expires = Math.floor(Date.now() / 1000) + 3600;
  fs.writeFileSync(
    path.join(tools, 'az'),
    `#!/bin/sh
for resource; do :; done
echo "$resource" >> '${log}'
sleep ${seconds}
echo "{\\"accessToken\\":\\"${token}\\",\\"expires_on\\":${expires}}"
`,
    { mode: 0o755 },
  );
  return {
    /** The variables with which a machine finds it. */
    env: { PATH: `${tools}:${process.env.PATH}` },
    /** The requested services, one for each call. */
    resources: () =>
      fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n') : [],
  };
}

exports.stubAzureCLI = stubAzureCLI;
