package main

import (
	"context"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
)

var lsHelp = `List the entries of the remote cache, one per line: the scope, the task hash, the task,
the size, the time at which the storage wrote it, the state of its signature, and the
provenance that the entry claims (repository, ref, commit, run).

With an argument, ls lists only the entries of a task hash or of a task.
` + taskHelp + `

Signatures are
  valid:KEY      signed with a key in azure.trust.publicKeys, for this entry
  invalid:KEY    a check failed; nx-azure-cache inspect HASH says which
  unchecked:KEY  signed, but azure.trust.publicKeys is not set
  unsigned       the provenance is only a claim of its writer
` + selectionHelp + `

--sort lists the newest (time), the largest (size) or by name (task). It reads all
entries before it prints the first. With --limit N it keeps N of them in memory;
without, all that match: about 250 MB for a million, and 650 MB with --json.

--total prints how many entries match and how many bytes they have, for each scope. The
last line on stderr says how many run records there are, which are no entries.

--json prints one object per line: url, scope, hash, size, modified, etag, format,
sha256, signature (state, key, problem), proven (a valid signature covers what
follows), code, provenance (repository, ref, commit, run, tool, task, time). With
--total it prints one object: entries, bytes, scopes (scope, entries, bytes), and
records and recordBytes if the listed scopes have run records.

The number of entries goes to stderr. The exit code is 0 even if no entry matches.
` + permissionsHelp(permissions.List) + workspaceHelp

const lsExamples = `  npx nx-azure-cache ls --scope trusted --after 2h
  npx nx-azure-cache ls --scope 'pr-*' --before 30d --json
  npx nx-azure-cache ls shop:build --sort time --limit 20
  npx nx-azure-cache ls --task '*:build' --sort size --limit 20
  npx nx-azure-cache ls --total
  npx nx-azure-cache ls --run 17654321 --limit 20
  nx-azure-cache ls --container nxcache --account-name acme --scope trusted`

// lsOptions are the flags of ls.
type lsOptions struct {
	workspace config.Overrides
	selection entries.Filter
	entries.ListOptions
}

func newLs(std stdio) *cobra.Command {
	var options lsOptions
	command := &cobra.Command{
		Use:     "ls [" + targetUse + "]",
		Short:   "List the entries of the cache",
		Long:    lsHelp,
		Example: lsExamples,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.selection.Targets = args
			return interruptible(cmd, func(ctx context.Context) error { return ls(ctx, std, options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	addSelectionFlags(command, &options.selection)
	command.Flags().BoolVar(&options.JSON, "json", false, "print JSON, one object per line")
	command.Flags().IntVar(&options.Limit, "limit", 0, "stop after this many entries; 0 means no limit")
	command.Flags().StringVar(&options.Sort, "sort", "", "by time (newest first), size (largest first) or task")
	command.Flags().BoolVar(&options.Total, "total", false, "print numbers and sizes for each scope instead of the entries")
	return command
}

// interruptible runs a command until it is done or Ctrl-C is pressed.
func interruptible(cmd *cobra.Command, run func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	return run(ctx)
}

func ls(ctx context.Context, std stdio, options lsOptions) error {
	selected, err := options.selection.Parse(time.Now())
	if err == nil {
		err = options.Check()
	}
	if err != nil {
		return usage.Wrong(err)
	}
	inventory, err := openInventory(std, &options.workspace, permissions.List)
	if err != nil {
		return err
	}
	return inventory.List(ctx, std.stdout, std.stderr, selected, options.ListOptions)
}
