package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/misses"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
)

var explainHelp = `Explain why tasks were misses: what differs from the nearest stored result of the same
task, or why there was no result to read. Without arguments, explain explains all misses
of the last run on this machine. With arguments, it explains only these tasks, and hits,
too: where they came from, and how long the task had run.
` + explainTaskHelp + `

--run explains another run: the URL of a run in CI, the number at the end of it, or the
session in a record. In CI, explain also works right after the run. The session finds a
record quickly, by its name. For a URL, explain reads up to --limit records of each scope.

explain compares the run's record with those of earlier runs whose results the run may
read. Runs in CI store a record unless azure.records is "none"; every run leaves its own
in Nx's cache directory. Records have the names of a task's inputs and short tags of
their values. So explain knows which input differs, but no values. Where git knows both
commits, explain names the files. Without a network, or without permission to list, it
says what the local record tells.

A stored record has no task that azure.include or azure.exclude keeps out of the remote
cache. explain knows such a task only if it was in the last run on this machine.

A record is a claim of its writer, unless a trusted run has signed it and
azure.trust.publicKeys has the key.

--json prints one object:
  run      the run: session, scope, ended, commit, ref, run (URL), os, arch, nx, local
           (true for the last run here), mode, ci, totals
  records  how many records of other runs were compared
  misses   task, hash, outcome, ran (ms), against (the run compared with), causes (each
           with kind, name, inputs, files, omittedFiles, commit, text, fix, unstable)
  groups   causes over tasks: kind, text, fix, tasks
  hits     of the tasks asked for: task, hash, outcome, from, bytes, saved (ms)
  others   of the tasks asked for, neither: task, hash, outcome
  omitted  misses that are not explained, because there are too many
  notes    what could not be read

Exit codes:
  0  the run was found, also if it had no miss
  1  there is no record of the run, or no task of it matches
  2  the command line is wrong

` + permissionsHelp(permissions.ReadRecords) + workspaceHelp

const explainTaskHelp = `
shop:build means this target, whatever its configuration; shop:build:production means one
configuration. In "shop:*" and "*:build", "*" matches any characters.`

const explainExamples = `  npx nx-azure-cache explain
  npx nx-azure-cache explain shop:build
  npx nx-azure-cache explain --run https://github.com/acme/shop/actions/runs/17654321
  npx nx-azure-cache explain '*:test' --since 7d --json`

// explainFlags are the flags of explain.
type explainFlags struct {
	workspace config.Overrides
	since     string
	misses.Options
}

func newExplain(std stdio) *cobra.Command {
	var options explainFlags
	command := &cobra.Command{
		Use:     "explain [PROJECT:TARGET[:CONFIGURATION] ...]",
		Short:   "Explain why tasks were misses",
		Long:    explainHelp,
		Example: explainExamples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			options.Tasks = args
			if cmd.Flags().Changed("run") && strings.TrimRight(options.Run, "/") == "" {
				return usage.Wrong(fmt.Errorf("--run is empty"))
			}
			return interruptible(cmd, func(ctx context.Context) error { return explain(ctx, std, options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	flags := command.Flags()
	flags.StringVar(&options.Run, "run", "", "the run: its URL in CI, the number at the end of it, or its session")
	flags.StringVar(&options.since, "since", "30d", "read records since this time, or of this age: 2026-11-22, 12h, 7d, 4w")
	flags.IntVar(&options.Limit, "limit", 100, "read this many records of each scope, the newest that do not end long after the run; 0 means all")
	flags.BoolVar(&options.JSON, "json", false, "print one JSON object")
	return command
}

func explain(ctx context.Context, std stdio, options explainFlags) error {
	now := time.Now()
	since, err := entries.ParseTime("--since", options.since, now)
	switch {
	case err == nil && options.since == "":
		err = fmt.Errorf("--since is empty")
	case err == nil && options.Limit < 0:
		err = fmt.Errorf("--limit is %d; use a number of records, or 0 for all", options.Limit)
	}
	for _, task := range options.Tasks {
		if err == nil && (!strings.Contains(task, ":") || !taskfilter.IsPattern(task)) {
			err = fmt.Errorf(`%q is no task; use PROJECT:TARGET, such as shop:build, or a pattern, such as "shop:*"`, printable.Short(task, 160))
		}
	}
	if err != nil {
		return usage.Wrong(err)
	}
	options.Since, options.Period = since, since.UTC().Format(time.DateOnly)
	where, err := readWorkspace(std, &options.workspace)
	if err != nil {
		return err
	}
	return misses.Explain(ctx, where, options.Options, std.stdout, std.stderr)
}
