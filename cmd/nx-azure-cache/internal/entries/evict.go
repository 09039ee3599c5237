package entries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// shownNames is how many entries a dry run lists, and how many hashes without one inspect
// does.
const shownNames = 10

// DryRun prints what would be deleted.
func (inv *Inventory) DryRun(ctx context.Context, out, stderr io.Writer, selected Selection) error {
	progress := newProgress(stderr)
	p := newPrinter(out, progress.live, false)
	for e, err := range inv.walk(ctx, selected.scopes, selected.hashes, progress.other) {
		if err != nil {
			_ = p.end() // the error says more
			return err
		}
		matches := selected.matches(e)
		progress.see(e, matches)
		if !matches || progress.matched > shownNames {
			continue
		}
		if err := p.add(e); err != nil {
			return err
		}
	}
	if err := p.end(); err != nil {
		return err
	}
	if rest := progress.matched - shownNames; rest > 0 {
		if _, err := fmt.Fprintf(out, "and %s more\n", terminal.Thousands(rest)); err != nil {
			return err
		}
	}
	hint := ""
	if progress.matched > 0 {
		hint = "; run with --yes to delete them"
	}
	progress.end("would delete %s of %s, %s, in %s%s", terminal.Thousands(progress.matched), entryCount(progress.seen), terminal.Size(progress.bytes), inv, hint)
	return nil
}

// Evict deletes the selected entries. It leaves records of runs, see [Inventory.EvictRecords].
func (inv *Inventory) Evict(ctx context.Context, stderr io.Writer, selected Selection) error {
	return newEvictor(stderr, entryCount).evict(ctx, inv, selected)
}

// evictor deletes entries, several at once.
type evictor struct {
	stderr   io.Writer
	progress *progress
	count    func(n int) string // of what is deleted

	mu      sync.Mutex
	deleted int
	bytes   int64
	gone    int // deleted by others
	refused int
}

func newEvictor(stderr io.Writer, count func(int) string) *evictor {
	return &evictor{stderr: stderr, progress: newProgress(stderr), count: count}
}

func (v *evictor) evict(ctx context.Context, inv *Inventory, selected Selection) error {
	return v.evictFrom(ctx, inv, selected, inv.walk(ctx, selected.scopes, selected.hashes, v.progress.other))
}

// evictFrom deletes entries or records while it finds them, so it need not remember them.
func (v *evictor) evictFrom(ctx context.Context, inv *Inventory, selected Selection, found iter.Seq2[*entry, error]) (err error) {
	slots := make(chan struct{}, MaxConcurrent)
	var deleting sync.WaitGroup
	for e, failed := range found {
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
	v.end(inv)
	if err == nil && v.refused > 0 {
		err = fmt.Errorf("%s could not be deleted", v.count(v.refused))
	}
	return err
}

func (v *evictor) see(e *entry, matches bool) {
	v.mu.Lock() // other goroutines may write to stderr
	defer v.mu.Unlock()
	v.progress.see(e, matches)
}

// ShownRefusals is how many refusals are reported one by one. More usually have the same
// cause.
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
			v.progress.live.Clear()
			_ = terminal.Printf(v.stderr, "nx-azure-cache: not deleted: %s: %v", e.url(), err)
		}
	}
}

func (v *evictor) end(inv *Inventory) {
	text := fmt.Sprintf("deleted %s of %s, %s, in %s", terminal.Thousands(v.deleted), v.count(v.progress.seen), terminal.Size(v.bytes), inv)
	if v.gone > 0 {
		text += fmt.Sprintf("; %s gone before", terminal.Count(v.gone, "was", "were"))
	}
	v.progress.end("%s", text)
}
