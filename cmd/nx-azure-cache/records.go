package main

import (
	"context"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/jobsummary"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/misses"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/recording"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// records decides what becomes of the record of a run. A run that stores no results stores no
// record. Without CI, no one waits for it.
func records(s config.Settings, r config.RunPolicy, start start, options cache.Options, others *history.Reader) *rpc.Records {
	keeper := &recording.Keeper{
		Prefix: options.Prefix, Scope: r.Scope, Signer: options.Signer,
		Provenance: options.Provenance, Workspace: start.WorkspaceRoot,
	}
	if r.Mode == cache.ReadWrite && (s.Records == config.RecordsAll || s.Records == config.RecordsInCI && start.CI) {
		keeper.Blobs = options.Writes.Blobs
	}
	summary := jobsummary.Options{
		Getenv: start.getenv, JobSummary: s.JobSummary, File: s.SummaryFile,
		Workspace: start.WorkspaceRoot, IsStored: keeper.IsStored(),
	}
	if summary.IsWanted() {
		keeper.Summarize = summarize(summary, others)
	}
	verifies := options.Verifies() // the record shows which tasks failed
	keeper.IsAwaited = start.CI && (keeper.IsStored() || summary.IsWanted() || verifies)
	return &rpc.Records{IsAwaited: keeper.IsAwaited, Keep: keeper.Keep}
}

// summarize returns what writes the summaries of a run. others has the records of other runs.
func summarize(options jobsummary.Options, others *history.Reader) func(context.Context, *runs.Record) error {
	return func(ctx context.Context, record *runs.Record) error {
		options.Causes = func(ctx context.Context, tasks []string) jobsummary.Causes {
			return misses.Brief(ctx, others, options.Workspace, record, tasks)
		}
		if err := jobsummary.Write(ctx, record, options); err != nil {
			return fmt.Errorf("the summary of this run is not written: %w", err)
		}
		return nil
	}
}
