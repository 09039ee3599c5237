package entries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// shownNames is how many of the entries a rehearsal names.
const shownNames = 10

// DryRun says what would be deleted.
func (s *Inventory) DryRun(ctx context.Context, out, stderr io.Writer, selected selection) error {
	tally := newProgress(stderr)
	for e, err := range s.walk(ctx, selected.scopes, selected.hashes, tally.other) {
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
	tally.end("would delete %s of %s, %s, in %s%s", terminal.Thousands(tally.matched), entryCount(tally.seen), terminal.Size(tally.bytes), s, advice)
	return nil
}

// Evict deletes the entries that are selected.
func (s *Inventory) Evict(ctx context.Context, stderr io.Writer, selected selection) error {
	return newEvictor(stderr, newProgress(stderr)).evict(ctx, s, selected)
}

// evictor deletes entries, several at once.
type evictor struct {
	stderr io.Writer
	tally  *progress

	mu      sync.Mutex
	deleted int
	bytes   int64
	gone    int // before it could delete them
	refused int
}

func newEvictor(stderr io.Writer, tally *progress) *evictor {
	return &evictor{stderr: stderr, tally: tally}
}

// evict deletes what is selected, while it is being found: nobody has to remember
// it.
func (v *evictor) evict(ctx context.Context, shelf *Inventory, selected selection) (err error) {
	slots := make(chan struct{}, MaxConcurrent)
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

// ShownRefusals is how many refusals are told one by one. More of them have the
// same cause.
const ShownRefusals = 20

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
		if v.refused++; v.refused <= ShownRefusals {
			v.tally.clear()
			_ = terminal.Printf(v.stderr, "nx-azure-cache: not deleted: %s: %v", e.url(), err)
		}
	}
}

func (v *evictor) end(shelf *Inventory) {
	text := fmt.Sprintf("deleted %s of %s, %s, in %s", terminal.Thousands(v.deleted), entryCount(v.tally.seen), terminal.Size(v.bytes), shelf)
	if v.gone > 0 {
		text += fmt.Sprintf("; %s gone before", terminal.Count(v.gone, "was", "were"))
	}
	v.tally.end("%s", text)
}
