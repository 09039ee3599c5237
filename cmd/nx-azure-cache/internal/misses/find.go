package misses

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
)

// found is the record of the run that is explained.
type found struct {
	record *runs.Record
	// isLocal reports whether the run was the last one on this machine, so that the files
	// here are those of the run.
	isLocal bool
	// siblings are the sessions of other records of the same CI run.
	siblings []string
}

// findRun finds the record of the run.
func findRun(ctx context.Context, document config.Document, storage *storage, options Options, progress *progress) (found, error) {
	local, err := readLocal(document)
	if options.Run == "" {
		return found{record: local, isLocal: true}, err
	}
	if err == nil && local.Session == options.Run {
		return found{record: local, isLocal: true}, nil
	}
	if storage.err != nil {
		return found{}, fmt.Errorf("the run %s is not the last one here, and the storage cannot be asked: %w", printable.Short(options.Run, maxShown), storage.err)
	}
	first := []trust.Scope{trust.Trusted, trust.Shared, trust.Local}
	if local != nil {
		first = append(first, local.Scope)
	}
	run, err := storage.search(ctx, first, options, progress)
	if err != nil || run.record != nil {
		return run, err
	}
	others, err := storage.scopes(ctx)
	if err != nil {
		return found{}, err
	}
	others = slices.DeleteFunc(others, func(scope trust.Scope) bool { return slices.Contains(first, scope) })
	if run, err = storage.search(ctx, others, options, progress); err != nil || run.record != nil {
		return run, err
	}
	return found{}, fmt.Errorf("no record of the run %s was found since %s: runs in CI write one unless azure.records is \"none\" or they may not write; an earlier --since reads older ones",
		printable.Short(options.Run, maxShown), options.Period)
}

// maxShown is how much of an argument an error repeats, in bytes.
const maxShown = 160

// readLocal reads the record of the last run on this machine.
func readLocal(document config.Document) (*runs.Record, error) {
	if document.CacheDirectory == "" {
		return nil, errors.New("the cache directory of Nx is unknown: run npx nx-azure-cache explain in the workspace, or name a run of CI with --run")
	}
	record, err := history.ReadLocal(document.CacheDirectory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no run has left a record here yet: run a task with Nx first, or name a run of CI with --run")
	}
	if err != nil {
		return nil, fmt.Errorf("the record of the last run cannot be read: %w; run a task with Nx again", err)
	}
	return record, nil
}

// search searches scopes for the newest record of a session or of a CI run.
func (s *storage) search(ctx context.Context, scopes []trust.Scope, options Options, progress *progress) (found, error) {
	var newest found
	n := 0
	for run, err := range s.reader.Runs(ctx, scopes, options.Since, options.Limit) {
		if err != nil {
			return newest, err
		}
		n++
		progress.printf("searched %d records of runs", n)
		switch record := run.Record; {
		case record.Session == options.Run:
			return found{record: record}, nil
		case !isRun(record.Source.Run, options.Run):
		case newest.record == nil:
			newest.record = record
		default:
			newest.siblings = append(newest.siblings, record.Session)
		}
	}
	return newest, nil
}

// isRun reports whether named is the URL of a run, of one of its jobs, or the number at its
// end.
func isRun(run, named string) bool {
	run, named = strings.TrimRight(run, "/"), strings.TrimRight(named, "/")
	if run == "" || named == "" {
		return false
	}
	return run == named || strings.HasSuffix(run, "/"+named) || strings.HasSuffix(run, "="+named) ||
		strings.HasPrefix(named, run+"/") || strings.HasPrefix(named, run+"&") || strings.HasPrefix(named, run+"?") || strings.HasPrefix(named, run+"#")
}
