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

var evictHelp = `Delete entries of the remote cache. Without --yes this is a dry run, which deletes
nothing. The tasks of deleted entries run again and store their results again.

An entry must match all filters. The argument is a filter, too. At least one filter is
required.
` + taskHelp + `
So do not use names to remove what an attacker wrote: their entries may have others.
` + selectionHelp + `

evict deletes an entry only if it has not changed since it was listed (If-Match). If
the storage refuses to delete an entry, evict reports it on stderr and goes on, and
the exit code is 1.

With --records, evict deletes run records and leaves the entries; otherwise it leaves
the records. A record says what one run did with its tasks, for people: no run needs
it. Only --scope, --before and --after select records.

What a run has already restored stays on its machine, also in the local cache of Nx.
Run nx reset there to remove it.

` + permissionsHelp(permissions.Evict) + workspaceHelp

const evictExamples = `  npx nx-azure-cache evict --hash 3141592653589793238
  npx nx-azure-cache evict shop:build --scope local
  npx nx-azure-cache evict --scope trusted --after 2026-11-22T18:30:00Z --yes
  npx nx-azure-cache evict --signer 0f3a5b7c9d1e2f40 --yes
  npx nx-azure-cache evict --scope 'pr-*' --before 30d --yes
  npx nx-azure-cache evict --records --scope 'pr-*' --before 30d --yes`

// evictOptions are the flags of evict.
type evictOptions struct {
	workspace config.Overrides
	selection entries.Filter
	records   bool
	yes       bool
}

func newEvict(std stdio) *cobra.Command {
	var options evictOptions
	command := &cobra.Command{
		Use:     "evict [" + targetUse + "]",
		Short:   "Delete entries of the cache; a dry run without --yes",
		Long:    evictHelp,
		Example: evictExamples,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.selection.Targets = args
			return interruptible(cmd, func(ctx context.Context) error { return evict(ctx, std, options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	addSelectionFlags(command, &options.selection)
	command.Flags().BoolVar(&options.records, "records", false, "delete run records instead of entries")
	command.Flags().BoolVar(&options.yes, "yes", false, "delete")
	return command
}

func evict(ctx context.Context, std stdio, options evictOptions) error {
	selected, err := options.selection.Parse(time.Now())
	if err == nil && selected.IsAll() {
		err = entries.ErrNoSelection
	}
	if err == nil && options.records {
		err = selected.CheckRecords()
	}
	if err != nil {
		return usage.Wrong(err)
	}
	inventory, err := openInventory(std, &options.workspace, permissions.Evict)
	if err != nil {
		return err
	}
	switch {
	case options.records && options.yes:
		return inventory.EvictRecords(ctx, std.stderr, selected)
	case options.records:
		return inventory.DryRunRecords(ctx, std.stdout, std.stderr, selected)
	case options.yes:
		return inventory.Evict(ctx, std.stderr, selected)
	}
	return inventory.DryRun(ctx, std.stdout, std.stderr, selected)
}
