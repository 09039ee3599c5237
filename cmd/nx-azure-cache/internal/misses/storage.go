package misses

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// reader is what this package uses of [history.Reader].
type reader interface {
	Runs(ctx context.Context, scopes []trust.Scope, since time.Time, limit int) iter.Seq2[*history.Run, error]
	Skipped() history.Skipped
}

// storage has the records of other runs.
type storage struct {
	reader reader
	scopes func(context.Context) ([]trust.Scope, error) // that have entries
	err    error                                        // why it cannot be opened
}

// openStorage opens the containers. It sends nothing.
func openStorage(workspace config.Workspace) *storage {
	if workspace.Problem != nil {
		return &storage{err: workspace.Problem}
	}
	var kinds []trust.Scope
	for _, kind := range trust.Kinds() {
		kinds = append(kinds, trust.Scope(kind))
	}
	reader, err := history.Open(workspace.Settings, kinds)
	if err != nil {
		return &storage{err: err}
	}
	return &storage{reader: reader, scopes: func(ctx context.Context) ([]trust.Scope, error) { return scopesOf(ctx, reader, kinds) }}
}

// maxScopes is how many scopes are searched for a run.
const maxScopes = 500

// scopesOf lists the scopes of all containers.
func scopesOf(ctx context.Context, reader *history.Reader, kinds []trust.Scope) ([]trust.Scope, error) {
	root := cache.Root(reader.Prefix)
	var scopes []trust.Scope
	seen := make(map[history.Container]bool)
	for _, kind := range kinds {
		container := reader.ContainerOf(kind)
		if seen[container] {
			continue
		}
		seen[container] = true
		for folder, err := range container.Folders(ctx, root) {
			if err != nil {
				return scopes, err
			}
			if scopes = append(scopes, trust.Scope(strings.TrimSuffix(strings.TrimPrefix(folder, root), "/"))); len(scopes) >= maxScopes {
				return scopes, nil
			}
		}
	}
	return scopes, nil
}

// read passes on the records of scopes. It returns why there are not more, or "".
func (s *storage) read(ctx context.Context, scopes []trust.Scope, options Options, progress *progress, add func(*runs.Record)) (problem string) {
	if s.err != nil {
		return "the storage was not asked: " + printable.Line(s.err.Error())
	}
	n := 0
	for run, err := range s.reader.Runs(ctx, scopes, options.Since, options.Limit) {
		if err != nil {
			return unreadable(err)
		}
		n++
		progress.printf("read %d records of runs", n)
		add(run.Record)
	}
	return describeSkipped(s.reader.Skipped())
}

// unreadable says why records cannot be read, and what to do.
func unreadable(err error) string {
	if errors.Is(err, context.Canceled) {
		return "reading records was interrupted"
	}
	return "the records of other runs cannot be read: " + printable.Line(err.Error())
}

func describeSkipped(skipped history.Skipped) string {
	n := skipped.Unreadable + skipped.Unverified
	switch {
	case n > 0 && skipped.First != nil:
		return fmt.Sprintf("%s ignored: %s", terminal.Count(n, "record was", "records were"), printable.Line(skipped.First.Error()))
	case n > 0:
		return terminal.Count(n, "record was", "records were") + " ignored"
	case skipped.TooMany > 0:
		return terminal.Count(skipped.TooMany, "older record was", "older records were") + " not read: set a later --since"
	}
	return ""
}
