package entries

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// ListOptions are how entries are listed.
type ListOptions struct {
	JSON  bool   // one object per line
	Limit int    // 0 means all
	Sort  string // one of sorts, or "" for the order of the storage
	Total bool   // sums instead of entries
}

// Check returns an error that names the option that is wrong.
func (o ListOptions) Check() error {
	switch {
	case o.Limit < 0:
		return fmt.Errorf("--limit is %d; use a number of entries, or 0 for all", o.Limit)
	case o.Sort != "" && !slices.Contains(sorts, o.Sort):
		return fmt.Errorf("--sort is %q; allowed are %s", o.Sort, strings.Join(sorts, ", "))
	case o.Total && (o.Limit > 0 || o.Sort != ""):
		return fmt.Errorf("--total sums all entries that match; use it without --limit and --sort")
	default:
		return nil
	}
}

// sink receives the entries that match.
type sink interface {
	add(*entry) error
	end() error
}

// List prints the selected entries, and then their number.
func (inv *Inventory) List(ctx context.Context, stdout, stderr io.Writer, selected Selection, options ListOptions) error {
	progress := newProgress(stderr)
	p := newPrinter(stdout, progress.live, options.JSON)
	var to sink = p
	switch {
	case options.Total:
		to = newTotals(p, progress)
	case options.Sort != "":
		to = newSorter(p, options.Sort, options.Limit)
	}
	err := inv.list(ctx, selected, options, progress, to)
	if err != nil {
		_ = p.end() // the error says more than one of writing the lines so far
	} else {
		err = to.end()
	}
	progress.live.Clear()
	if err != nil {
		return err
	}
	counted := fmt.Sprintf("%s of %s, %s, in %s", terminal.Thousands(progress.matched), entryCount(progress.seen), terminal.Size(progress.bytes), inv)
	switch isLimited := options.Limit > 0; {
	case isLimited && options.Sort == "" && progress.matched == options.Limit:
		progress.end("the first %s, %s, in %s", entryCount(progress.matched), terminal.Size(progress.bytes), inv)
	case isLimited && progress.matched > options.Limit:
		progress.end("%s; the first %s by %s", counted, terminal.Thousands(options.Limit), options.Sort)
	case options.Total && progress.records.Entries > 0:
		progress.end("%s; and %s, %s", counted, recordCount(progress.records.Entries), terminal.Size(progress.records.Bytes))
	default:
		progress.end("%s", counted)
	}
	return nil
}

func (inv *Inventory) list(ctx context.Context, selected Selection, options ListOptions, progress *progress, to sink) error {
	for e, err := range inv.walk(ctx, selected.scopes, selected.hashes, progress.other) {
		if err != nil {
			return err
		}
		matches := selected.matches(e)
		progress.see(e, matches)
		if !matches {
			continue
		}
		if err := to.add(e); err != nil {
			return err
		}
		if options.Sort == "" && progress.matched == options.Limit {
			return nil
		}
	}
	return nil
}

// clearingWriter removes the live line before it writes: both are lines of one terminal.
type clearingWriter struct {
	out  io.Writer
	live *terminal.LiveLine
}

func (w clearingWriter) Write(p []byte) (int, error) {
	w.live.Clear()
	return w.out.Write(p)
}

// newOutput returns a buffered stdout, which removes the live line before it writes.
func newOutput(stdout io.Writer, live *terminal.LiveLine) *bufio.Writer {
	return bufio.NewWriterSize(clearingWriter{stdout, live}, 64<<10)
}
