package misses

import (
	"cmp"
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
	query := history.Query{Since: options.Since, Limit: options.Limit}
	if isSession(options.Run) {
		query.Session, query.Limit = options.Run, 0
	}
	run, limits, err := storage.search(ctx, first, query, options.Run, progress)
	if err != nil || run.record != nil {
		return run, err
	}
	others, err := storage.scopes(ctx)
	if err != nil {
		return found{}, err
	}
	others = slices.DeleteFunc(others, func(scope trust.Scope) bool { return slices.Contains(first, scope) })
	run, more, err := storage.search(ctx, others[:min(len(others), maxScopes)], query, options.Run, progress)
	if err != nil || run.record != nil {
		return run, err
	}
	return found{}, notFound(options, limits.IsLimited || more.IsLimited, len(others) > maxScopes)
}

// maxScopes is how many scopes are searched for a run, beside those that most runs write.
const maxScopes = 500

// notFound says where the run was searched for.
func notFound(options Options, isLimited, hasMoreScopes bool) error {
	where, more := "since "+options.Period, "an earlier --since reads older ones"
	if isLimited {
		where = fmt.Sprintf("among the newest %d of each scope", cmp.Or(options.Limit, history.MaxRecords))
		more = "--limit 0 reads older ones"
	}
	if hasMoreScopes {
		where += fmt.Sprintf(", in %d scopes, those of the newest pull requests first", maxScopes)
	}
	return fmt.Errorf("no record of the run %s was found %s: runs in CI write one unless azure.records is \"none\" or they may not write; %s",
		printable.Short(options.Run, maxShown), where, more)
}

// isSession reports whether a run is named by its session, which the names of records
// contain: it is no URL, and no number at the end of one.
func isSession(named string) bool {
	return runs.IsSession(named) && strings.Trim(named, "0123456789") != ""
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
func (s *storage) search(ctx context.Context, scopes []trust.Scope, query history.Query, named string, progress *progress) (found, history.Skipped, error) {
	var newest found
	n := 0
	for run, err := range s.reader.Runs(ctx, scopes, query) {
		if err != nil {
			return newest, history.Skipped{}, err
		}
		n++
		progress.printf("searched %d records of runs", n)
		switch record := run.Record; {
		case record.Session == named:
			return found{record: record}, history.Skipped{}, nil
		case !isRun(record.Source.Run, named):
		case newest.record == nil:
			newest.record = record
		default:
			newest.siblings = append(newest.siblings, record.Session)
		}
	}
	return newest, s.reader.Skipped(), nil
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
