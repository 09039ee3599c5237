package misses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
)

// What Brief reads: few records, and files that fit into the memory of a server.
const (
	briefRecords = 3              // of each scope
	briefAge     = 48 * time.Hour // each day is a request
	briefGraph   = 8 << 20
	briefChanges = 2_000 // files
)

// Brief explains tasks of a run that has just ended in a workspace. It compares the run with
// the newest others only, so it says nothing that older ones could refute. The result has a
// sentence for each explained task. Once ctx is done, the other tasks have none.
func Brief(ctx context.Context, others reader, workspace string, record *runs.Record, tasks []string) map[string]string {
	wanted := slices.DeleteFunc(causes.Misses(record), func(task *runs.Task) bool { return !slices.Contains(tasks, task.ID) })
	reads := trust.Run{Scope: record.Scope}.Reads()
	collector := causes.New(record, wanted, reads)
	query := history.Query{Since: record.Ended.Add(-briefAge), Except: record.Session, Limit: briefRecords}
	for run, err := range others.Runs(ctx, reads, query) {
		if err != nil {
			break // those before it count
		}
		collector.Add(run.Record)
	}
	if collector.Readable == 0 {
		return nil
	}
	sentences := make(map[string]string)
	for _, explanation := range collector.Explain(briefEvidence(ctx, workspace, record)) {
		if sentence := briefly(explanation.Causes); sentence != "" {
			sentences[explanation.Task.ID] = sentence
		}
	}
	return sentences
}

// briefEvidence is what the checkout tells quickly, whatever its size.
func briefEvidence(ctx context.Context, workspace string, record *runs.Record) causes.Evidence {
	checkout := newCheckout(ctx, config.Document{WorkspaceRoot: workspace}, found{record: record, isLocal: true})
	checkout.maxGraph = briefGraph
	checkout.uncommitted = nothing // git status reads the times of all files
	evidence := checkout.evidence()
	evidence.Modified = nil // it reads the times of all ignored files
	evidence.Packages = nil // lock files are large
	evidence.Changes = func(run *causes.Run) causes.Changes {
		changes := checkout.changes(run)
		changes.Committed = changes.Committed[:min(len(changes.Committed), briefChanges)]
		return changes
	}
	evidence.Stop = func() bool { return ctx.Err() != nil }
	return evidence
}

// briefly names the first causes.
func briefly(all []causes.Cause) string {
	const most = 2
	var known []string
	for _, cause := range all {
		if !cause.IsOpen && cause.Kind != causes.UnknownInput { // older records may tell
			known = append(known, cause.Text)
		}
	}
	if more := len(known) - most; more > 0 {
		known = append(known[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(known, "; ")
}
