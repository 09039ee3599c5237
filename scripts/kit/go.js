'use strict';

const { run } = require('./run');

const ours = 'github.com/nx-azure-cache/nx-azure-cache';

/**
 * Packages that run only at the start, at a sign-in, once for a connection or an entry,
 * after an error, or in other commands than `serve`, and those that need little of a
 * request's time. In crypto/tls, the work for each record is in other packages. Without
 * inlining they take less of the 13 MB that a binary may have, and of the 5 MB of its package.
 */
const coldPackages = [
  `${ours}/cache/azure/endpoint`,
  `${ours}/cache/azure/explain`,
  `${ours}/cache/azure/permissions`,
  `${ours}/cache/azure/signin`,
  `${ours}/cache/archive/manifest`,
  `${ours}/cache/diagnostic`,
  `${ours}/cache/fileerror`,
  `${ours}/cache/runs/...`,
  `${ours}/cache/trust`,
  `${ours}/cache/verification`,
  `${ours}/cmd/...`,
  `${ours}/license`,
  'archive/tar',
  'crypto/ecdsa',
  'crypto/elliptic',
  'crypto/internal/fips140/ecdsa',
  'crypto/internal/fips140/edwards25519/...',
  'crypto/internal/fips140/nistec/...',
  'crypto/internal/fips140/rsa',
  'crypto/rsa',
  'crypto/tls',
  'crypto/x509/...',
  'encoding/asn1',
  'encoding/xml',
  'fmt',
  'github.com/Azure/azure-sdk-for-go/...',
  'github.com/AzureAD/...',
  'github.com/golang-jwt/...',
  'github.com/rs/zerolog/...',
  'github.com/secure-systems-lab/...',
  'github.com/spf13/...',
  'golang.org/x/crypto/...',
  'golang.org/x/net/...',
  'golang.org/x/text/...',
  'log/...',
  'math/big',
  'mime/...',
  'net/mail',
  'net/url',
  'os/exec',
  'os/signal',
  'os/user',
  'path/...',
  'regexp/...',
  'text/tabwriter',
  'text/template/...',
  'time',
  'vendor/golang.org/...',
];

/**
 * The environment of every compilation without -race: that of the release. What lint
 * compiles for an operating system is then what `build` links, and nothing is compiled
 * twice.
 */
const goEnvironment = {
  CGO_ENABLED: '0',
  GOAMD64: 'v1',
  GOARM64: 'v8.0',
  // The compiler, vet and staticcheck use a sixth less CPU if they collect garbage less
  // often. It does not change what they make.
  GOGC: '400',
  GOFLAGS: [
    '-trimpath',
    '-buildvcs=false',
    // Without HTTP/2, which Azure Storage does not speak and our transport does not offer.
    '-tags=nethttpomithttp2',
    ...coldPackages.map((name) => `-gcflags=${name}=-l`),
  ].join(' '),
};

/**
 * The environment of every compilation with -race: the same parts of the standard library as
 * in the release, which has no C. Without DWARF, which no report of a race needs, it uses a
 * sixth less CPU.
 */
const raceEnvironment = {
  GOFLAGS: [
    '-buildvcs=false',
    '-tags=nethttpomithttp2,netgo,osusergo',
    '-gcflags=all=-dwarf=false',
  ].join(' '),
};

/**
 * Runs a command of Go in the environment for it.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options] `env` is added
 */
const go = (args, { cwd, env } = {}) => {
  const forIt = args.includes('-race') ? raceEnvironment : goEnvironment;
  return run('go', args, { cwd, env: { ...process.env, ...forIt, ...env } });
};

exports.go = go;
exports.goEnvironment = goEnvironment;
exports.raceEnvironment = raceEnvironment;
