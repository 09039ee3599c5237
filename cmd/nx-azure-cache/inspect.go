package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
)

var inspectHelp = `Show all entries of a task hash, or the newest entries of a task: in every scope and
in every container of azure.trust.containers, or only in the scopes of --scope.

nx-azure-cache ls lists the hashes and the tasks that are stored. Nx writes the hashes
of its last run to run.json in its cache directory: .nx/cache, or with Nx 24 often
~/.nx/ID/cache. inspect reads that file, marks the entries of the last run, and reports
a hash of the task without an entry.
` + taskHelp + `

For each entry it shows the properties of the blob (size, time, ETag), its metadata
(format, SHA-256), the state of its signature, and its provenance. Only a valid
signature proves a provenance. Otherwise it is only a claim of its writer.

--verify reads each body and compares it with the length and the SHA-256 in its
metadata, which a valid signature covers.

The exit code is 1 if no entry is found, and with --verify if a body does not match
its metadata or cannot be read. --json prints one object per line, as
nx-azure-cache ls does; with --verify, body is "verified" or says what is wrong;
lastRun is true for an entry of Nx's last run here.

` + permissionsHelp(permissions.Inspect) + `With a task hash and --scope without a pattern, reading is enough: a SAS with sp=` + permissions.Restore.SAS() + `.
` + workspaceHelp

const inspectExamples = `  npx nx-azure-cache inspect 3141592653589793238
  npx nx-azure-cache inspect shop:build
  npx nx-azure-cache inspect shop:build --scope trusted --limit 1
  npx nx-azure-cache inspect 3141592653589793238 --scope trusted --verify --json`

// inspectFlags are the flags of inspect.
type inspectFlags struct {
	workspace config.Overrides
	scopes    []string
	entries.InspectOptions
}

func newInspect(std stdio) *cobra.Command {
	var options inspectFlags
	command := &cobra.Command{
		Use:     "inspect " + targetUse,
		Short:   "Show the entries of a task hash or a task: origin, signature, sizes",
		Long:    inspectHelp,
		Example: inspectExamples,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, func(ctx context.Context) error { return inspect(ctx, std, args[0], options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	flags := command.Flags()
	flags.StringArrayVar(&options.scopes, "scope", nil, `in this scope, or in all that a pattern such as "pr-*" matches; may be given several times`)
	flags.BoolVar(&options.JSON, "json", false, "print JSON, one object per line")
	flags.IntVar(&options.Limit, "limit", 10, "show this many entries of a task, the newest; 0 means all")
	flags.BoolVar(&options.Verify, "verify", false, "read each body and compare it with its SHA-256")
	return command
}

func inspect(ctx context.Context, std stdio, target string, options inspectFlags) error {
	selected, err := entries.Filter{Targets: []string{target}, Scopes: options.scopes}.Parse(time.Now())
	if err == nil {
		err = entries.ListOptions{Limit: options.Limit}.Check()
	}
	if err != nil {
		return usage.Wrong(err)
	}
	where, err := readWorkspace(std, &options.workspace)
	if err != nil {
		return err
	}
	inventory, err := entries.Open(where.Settings, permissions.Inspect)
	if err != nil {
		return err
	}
	options.LastRun = entries.ReadLastRun(where.Document.CacheDirectory)
	return inventory.Inspect(ctx, std.stdout, std.stderr, selected, options.InspectOptions)
}
