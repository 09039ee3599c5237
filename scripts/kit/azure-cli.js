'use strict';

const fs = require('node:fs');
const path = require('node:path');

/**
 * Makes an Azure CLI that is signed in.
 *
 * @param {string} folder
 * @param {string} token that it gives; `$resource` in it is the service that the token
 *   was asked for
 * @param {{ seconds?: number }} [options] how long it takes
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
    /** With which a machine finds it. */
    env: { PATH: `${tools}:${process.env.PATH}` },
    /** The services for which it was asked for a token, one for each call. */
    resources: () =>
      fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n') : [],
  };
}

exports.stubAzureCLI = stubAzureCLI;
