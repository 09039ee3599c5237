package main

import (
	"strings"
	"testing"
)

const rootHelp = `Make keys and licenses for nx-azure-cache.

A new issuer makes a key, puts the public half into releases, and signs
licenses with the private half, which never leaves the issuer.

Exit codes are 0 for success, 1 for a failure, and 2 for a wrong command line.

Usage:
  nx-azure-license [command]

Examples:
  nx-azure-license keygen --kid 2026-a --issuer https://licenses.example.com --out 2026-a.jwk.json > issuers.json
  npm run build -- --all --issuers issuers.json
  nx-azure-license issue --key 2026-a.jwk.json --org "Example GmbH" --days 365 > example.jwt
  nx-azure-license inspect --issuers issuers.json < example.jwt

Available Commands:
  check-issuers Check that a release can be built with the issuers in FILE
  help          Help about any command
  inspect       Show what a license says and whether it is valid
  issue         Sign a license and print it
  keygen        Make a key, and print the issuers file of a release

Flags:
  -h, --help[=true|false]   help for nx-azure-license

Use "nx-azure-license [command] --help" for more information about a command.
`

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{"no arguments": nil, "--help": {"--help"}, "help": {"help"}} {
		if got := mustExecute(t, "", args...); got != rootHelp {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, rootHelp)
		}
	}
	for command, begins := range map[string]string{
		"check-issuers": "Check that a release can be built with the issuers in FILE, a JWKS as keygen prints it.\n",
		"inspect":       "Show what a license says and whether it is valid, but never the license itself.\n",
		"issue":         "Sign a license and print only the license to stdout.\n",
		"keygen":        "Make an Ed25519 key that signs licenses.\n",
	} {
		if got := mustExecute(t, "", command, "--help"); !strings.HasPrefix(got, begins) {
			t.Errorf("%s: got\n%s\nwant it to begin with\n%s", command, got, begins)
		}
	}
}
