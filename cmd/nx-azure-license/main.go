// Command nx-azure-license makes the keys and the licenses of nx-azure-cache. It is the
// tool of an issuer and is never shipped to users.
//
// Package license specifies the formats. Only the requested output goes to stdout;
// warnings and errors go to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "nx-azure-license:", printable.Line(err.Error()))
		if wrong, ok := errors.AsType[*usage.Error](err); ok {
			fmt.Fprintln(os.Stderr, printable.Line(wrong.Line()))
			os.Exit(usage.ExitCode)
		}
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return usage.Run(context.Background(), root, args)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "nx-azure-license",
		Short: "Make keys and licenses for nx-azure-cache",
		Long: `Make keys and licenses for nx-azure-cache.

A new issuer makes a key, puts the public half into releases, and signs
licenses with the private half, which never leaves the issuer.

` + usage.Help,
		Example: `  nx-azure-license keygen --kid 2026-a --issuer https://licenses.example.com --out 2026-a.jwk.json > issuers.json
  npm run build -- --all --issuers issuers.json
  nx-azure-license issue --key 2026-a.jwk.json --org "Example GmbH" --days 365 > example.jwt
  nx-azure-license inspect --issuers issuers.json < example.jwt`,
		SilenceErrors:     true, // main prints them
		SilenceUsage:      true, // it would bury the error
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(keygenCommand(), checkIssuersCommand(), issueCommand(), inspectCommand())
	return root
}
