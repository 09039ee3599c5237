package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const evictHelp = `Delete entries of the remote cache. Without --yes it deletes nothing, and says
what it would delete. Tasks whose entries are gone run again, and store again.

All filters that are given must hold; without one it is an error.
` + selectionHelp + `

An entry is deleted only if it is still the one that was looked at (If-Match). One
that the storage refuses to delete is reported on stderr, and the others go on;
the exit code is 1 then. Deleting needs the right to list and to delete: a role
with blobs/read and blobs/delete, or a SAS with sp=rld.

What a run has restored from an entry before stays on its machine, in the local
cache of Nx, too: nx reset empties that.
` + workspaceHelp

const evictExamples = `  npx nx-azure-cache evict --hash 3141592653589793238
  npx nx-azure-cache evict --scope trusted --after 2026-11-22T18:30:00Z --yes
  npx nx-azure-cache evict --signer 0f3a5b7c9d1e2f40 --yes
  npx nx-azure-cache evict --scope 'pr-*' --before 30d --yes`

// evictOptions are the flags of evict.
type evictOptions struct {
	workspace config.Overrides
	selection selectionFlags
	yes       bool
}

func newEvict(w world) *cobra.Command {
	var options evictOptions
	command := &cobra.Command{
		Use:     "evict",
		Short:   "Delete entries of the cache; shows first what it would delete",
		Long:    evictHelp,
		Example: evictExamples,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return interruptible(cmd, func(ctx context.Context) error { return evict(ctx, w, options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	options.selection.add(command)
	command.Flags().BoolVar(&options.yes, "yes", false, "delete")
	return command
}

func evict(ctx context.Context, w world, options evictOptions) error {
	selected, err := options.selection.parse(time.Now())
	if err != nil {
		return err
	}
	if selected.isAll() {
		return errNoSelection
	}
	shelf, err := openWorkspaceShelf(w, &options.workspace)
	if err != nil {
		return err
	}
	tally := newTally(w.stderr)
	if options.yes {
		return newEvictor(w.stderr, tally).evict(ctx, shelf, selected)
	}
	return rehearse(ctx, w.stdout, tally, shelf, selected)
}

// shownNames is how many of the entries a rehearsal names.
const shownNames = 10

// rehearse says what would be deleted.
func rehearse(ctx context.Context, out io.Writer, tally *tally, shelf *shelf, selected selection) error {
	for e, err := range shelf.walk(ctx, selected.scopes, selected.hashes, tally.other) {
		if err != nil {
			tally.clear()
			return err
		}
		matches := selected.matches(e)
		tally.see(e, matches)
		if !matches || tally.matched > shownNames {
			continue
		}
		tally.clear()
		if err := writeEntry(out, e, false, tally.matched == 1); err != nil {
			return err
		}
	}
	tally.clear()
	if rest := tally.matched - shownNames; rest > 0 {
		if _, err := fmt.Fprintf(out, "and %s more\n", terminal.Thousands(rest)); err != nil {
			return err
		}
	}
	advice := ""
	if tally.matched > 0 {
		advice = "; nothing is deleted without --yes"
	}
	tally.end("would delete %s of %s, %s, in %s%s", terminal.Thousands(tally.matched), entryCount(tally.seen), terminal.Size(tally.bytes), shelf, advice)
	return nil
}

// evictor deletes entries, several at once.
type evictor struct {
	stderr io.Writer
	tally  *tally

	mu      sync.Mutex
	deleted int
	bytes   int64
	gone    int // before it could delete them
	refused int
}

func newEvictor(stderr io.Writer, tally *tally) *evictor {
	return &evictor{stderr: stderr, tally: tally}
}

// evict deletes what is selected, while it is being found: nobody has to remember
// it.
func (v *evictor) evict(ctx context.Context, shelf *shelf, selected selection) (err error) {
	slots := make(chan struct{}, atOnce)
	var deleting sync.WaitGroup
	for e, failed := range shelf.walk(ctx, selected.scopes, selected.hashes, v.tally.other) {
		if err = failed; err != nil {
			break
		}
		matches := selected.matches(e)
		v.see(e, matches)
		if !matches {
			continue
		}
		slots <- struct{}{}
		deleting.Go(func() {
			defer func() { <-slots }()
			v.delete(ctx, e)
		})
	}
	deleting.Wait()
	v.end(shelf)
	if err == nil && v.refused > 0 {
		err = fmt.Errorf("%s could not be deleted", entryCount(v.refused))
	}
	return err
}

func (v *evictor) see(e *entry, matches bool) {
	v.mu.Lock() // others may be writing to stderr
	defer v.mu.Unlock()
	v.tally.see(e, matches)
}

// shownRefusals is how many refusals are told one by one. More of them have the
// same cause.
const shownRefusals = 20

func (v *evictor) delete(ctx context.Context, e *entry) {
	err := e.container.Delete(ctx, e.name, e.etag)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case err == nil:
		v.deleted++
		v.bytes += e.Size
	case errors.Is(err, cache.ErrNotFound):
		v.gone++
	default:
		if v.refused++; v.refused <= shownRefusals {
			v.tally.clear()
			_ = terminal.Printf(v.stderr, "nx-azure-cache: not deleted: %s: %v", e.url(), err)
		}
	}
}

func (v *evictor) end(shelf *shelf) {
	text := fmt.Sprintf("deleted %s of %s, %s, in %s", terminal.Thousands(v.deleted), entryCount(v.tally.seen), terminal.Size(v.bytes), shelf)
	if v.gone > 0 {
		text += fmt.Sprintf("; %s gone before", terminal.Count(v.gone, "was", "were"))
	}
	v.tally.end("%s", text)
}
