package misses

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

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
	Runs(ctx context.Context, scopes []trust.Scope, query history.Query) iter.Seq2[*history.Run, error]
	Skipped() history.Skipped
}

// storage has the records of other runs.
type storage struct {
	reader reader
	scopes func(context.Context) ([]trust.Scope, error) // that have entries, in the order of compareScopes
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

// maxFolders is how many folders of a container may be scopes.
const maxFolders = 100_000

// scopesOf lists the scopes of all containers, in the order of compareScopes.
func scopesOf(ctx context.Context, reader *history.Reader, kinds []trust.Scope) ([]trust.Scope, error) {
	root := cache.Root(reader.Prefix)
	var scopes []trust.Scope
	seen := make(map[history.Container]bool)
	defer func() { slices.SortFunc(scopes, compareScopes) }()
	for _, kind := range kinds {
		container := reader.ContainerOf(kind)
		if seen[container] {
			continue
		}
		seen[container] = true
		n := 0
		for folder, err := range container.Folders(ctx, root) {
			if n++; err != nil || n > maxFolders {
				return scopes, err
			}
			scopes = append(scopes, trust.Scope(strings.TrimSuffix(strings.TrimPrefix(folder, root), "/")))
		}
	}
	return scopes, nil
}

// read passes on the records of scopes. It returns what it has left out, for people.
func (s *storage) read(ctx context.Context, scopes []trust.Scope, query history.Query, progress *progress, add func(*runs.Record)) (history.Skipped, error) {
	if s.err != nil {
		return history.Skipped{}, fmt.Errorf("the storage was not asked: %w", s.err)
	}
	n := 0
	for run, err := range s.reader.Runs(ctx, scopes, query) {
		if err != nil {
			return s.reader.Skipped(), unreadable(err)
		}
		n++
		progress.printf("read %d records of runs", n)
		add(run.Record)
	}
	return s.reader.Skipped(), nil
}

// unreadable says why records cannot be read, and what to do.
func unreadable(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("reading records was interrupted")
	}
	return fmt.Errorf("the records of other runs cannot be read: %w", err)
}

// describeSkipped says which records were not read although they were asked for.
func describeSkipped(skipped history.Skipped) []string {
	var notes []string
	if n := skipped.Unreadable + skipped.Unverified; n > 0 {
		note := terminal.Count(n, "record was", "records were") + " ignored"
		if skipped.First != nil {
			note += ": " + printable.Line(skipped.First.Error())
		}
		notes = append(notes, note)
	}
	if skipped.TooMany > 0 {
		notes = append(notes, fmt.Sprintf("%s not read: explain reads at most %s of records at once",
			terminal.Count(skipped.TooMany, "older record was", "older records were"), terminal.Size(history.MaxBytes)))
	}
	return notes
}
