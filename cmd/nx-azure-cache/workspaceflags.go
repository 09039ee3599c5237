package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// workspaceHelp ends the help of a command that has these flags.
const workspaceHelp = `
The container is that of nx.json: run this with npx in the workspace. Elsewhere
--container names it, with --account-name or --endpoint unless
` + connectionVariable + ` is set. Who asks is whoever that variable or
the sign-in of this machine (az login) says. No licence is needed.`

// addWorkspaceFlags adds the flags that take the place of nx.json.
func addWorkspaceFlags(command *cobra.Command, o *overrides) {
	flags := command.Flags()
	flags.StringVar(&o.container, containerFlag, "", "the container of all scopes, instead of those of nx.json")
	flags.StringVar(&o.accountName, accountNameFlag, "", "the storage account, instead of that of nx.json")
	flags.StringVar(&o.endpoint, endpointFlag, "", "the blob endpoint, instead of that of nx.json")
	flags.StringVar(&o.prefix, prefixFlag, "", "the prefix, instead of that of nx.json")
	o.isSet = flags.Changed
}

// readWorkspace finds out where a command works, and warns of what is ignored. It sends
// nothing over the network.
func readWorkspace(w world, o *overrides) (workspace, error) {
	found := loadWorkspace(w.getenv, o)
	if found.problem != nil {
		return workspace{}, errors.New(printable.Line(found.problem.Error()))
	}
	for _, warning := range append(found.warnings, found.settings.claims.warnings(found.settings.mode, nil)...) {
		_ = terminal.Printf(w.stderr, "nx-azure-cache: %s", warning)
	}
	return found, nil
}

// openWorkspaceShelf opens what a command is about.
func openWorkspaceShelf(w world, o *overrides) (*shelf, error) {
	where, err := readWorkspace(w, o)
	if err != nil {
		return nil, err
	}
	return openShelf(where.settings)
}

// warnOfClaims says which claims are ignored, for a command that needs no settings.
func warnOfClaims(w world, c claims) {
	for _, line := range c.warnings(cache.ReadWrite, nil) {
		_ = terminal.Printf(w.stderr, "nx-azure-cache: %s", line)
	}
}
