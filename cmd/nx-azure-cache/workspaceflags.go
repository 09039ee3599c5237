package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// workspaceHelp explains these flags, at the end of the help of a command.
const workspaceHelp = `
The container is the one in nx.json: run this with npx in the workspace. Elsewhere,
name it with --container, and the account with --account-name or --endpoint unless
` + config.ConnectionVariable + ` is set. The credential is that variable or
the sign-in of this machine (az login). No license is needed.`

// permissionsHelp says what a command needs as a whole.
func permissionsHelp(use permissions.Use) string {
	return "It needs " + use.Advice() + ".\n"
}

// addWorkspaceFlags adds the flags that override nx.json.
func addWorkspaceFlags(command *cobra.Command, o *config.Overrides) {
	flags := command.Flags()
	flags.StringVar(&o.Container, config.ContainerFlag, "", "the container of all scopes, instead of those in nx.json")
	flags.StringVar(&o.AccountName, config.AccountNameFlag, "", "the storage account, instead of the one in nx.json")
	flags.StringVar(&o.Endpoint, config.EndpointFlag, "", "the blob endpoint, instead of the one in nx.json")
	flags.StringVar(&o.Prefix, config.PrefixFlag, "", "the prefix, instead of the one in nx.json")
	o.IsSet = flags.Changed
}

// readWorkspace reads the workspace of a command, and warns about what is ignored. It
// sends nothing over the network.
func readWorkspace(std stdio, o *config.Overrides) (config.Workspace, error) {
	found := config.Load(std.getenv, o)
	if found.Problem != nil {
		code, _ := diagnostic.CodeOf(found.Problem)
		err := diagnostic.With(code, errors.New(printable.Line(found.Problem.Error())))
		if _, ok := errors.AsType[config.FlagError](found.Problem); ok {
			err = usage.Wrong(err)
		}
		return config.Workspace{}, err
	}
	for _, warning := range append(found.Warnings, found.Settings.Claims.Warnings(found.Settings.Mode, nil)...) {
		_ = terminal.Printf(std.stderr, "nx-azure-cache: %s", diagnostic.Line(warning.Code, warning.Text))
	}
	return found, nil
}

// openInventory opens the entries that a command works on.
func openInventory(std stdio, o *config.Overrides, use permissions.Use) (*entries.Inventory, error) {
	where, err := readWorkspace(std, o)
	if err != nil {
		return nil, err
	}
	return entries.Open(where.Settings, use)
}

// warnOfClaims warns about ignored claims, for a command that needs no settings.
func warnOfClaims(std stdio, c claims.Set) {
	for _, line := range c.Warnings(cache.ReadWrite, nil) {
		_ = terminal.Printf(std.stderr, "nx-azure-cache: %s", diagnostic.Line(line.Code, line.Text))
	}
}
