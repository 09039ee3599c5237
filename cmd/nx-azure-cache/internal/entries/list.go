package entries

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// ListOptions are how entries are listed.
type ListOptions struct {
	JSON  bool // an object per line
	Limit int  // how many; 0: all
}

// List prints the entries that are selected, and then how many there are.
func (s *Inventory) List(ctx context.Context, stdout, stderr io.Writer, selected selection, options ListOptions) error {
	out := bufio.NewWriterSize(stdout, 64<<10)
	tally := newProgress(stderr)
	err := s.list(ctx, selected, options, tally, out, terminal.IsTerminal(stdout))
	tally.clear()
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return err
	}
	if options.Limit > 0 && tally.matched == options.Limit {
		tally.end("the first %s, %s, in %s", entryCount(tally.matched), terminal.Size(tally.bytes), s)
	} else {
		tally.end("%s of %s, %s, in %s", terminal.Thousands(tally.matched), entryCount(tally.seen), terminal.Size(tally.bytes), s)
	}
	return nil
}

// list writes the entries. Where somebody looks at each line, flush is set.
func (s *Inventory) list(ctx context.Context, selected selection, options ListOptions, tally *progress, out *bufio.Writer, flush bool) error {
	for e, err := range s.walk(ctx, selected.scopes, selected.hashes, tally.other) {
		if err != nil {
			return err
		}
		matches := selected.matches(e)
		tally.see(e, matches)
		if !matches {
			continue
		}
		tally.clear()
		if err := writeEntry(out, e, options.JSON, tally.matched == 1); err != nil {
			return err
		}
		if flush {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if tally.matched == options.Limit {
			return nil
		}
	}
	return nil
}

// lsColumns is the form of a line for people.
const lsColumns = "%-12s  %-20s  %9s  %-20s  %-26s  %s\n"

func writeEntry(out io.Writer, e *entry, asJSON, first bool) error {
	if asJSON {
		return terminal.JSON(out, e.line(), "")
	}
	if first {
		if _, err := fmt.Fprintf(out, lsColumns, "SCOPE", "HASH", "SIZE", "WRITTEN", "SIGNATURE", "REPOSITORY  REF  COMMIT  RUN"); err != nil {
			return err
		}
	}
	proof := e.signature.State
	if e.signature.Key != "" {
		proof += ":" + e.signature.Key
	}
	if e.isArchived() {
		proof += " (archived)"
	}
	from := e.provenance()
	var origin []string
	for _, text := range []string{from.Repository, from.Ref, fmt.Sprintf("%.12s", from.Commit), from.Run} {
		origin = append(origin, cmp.Or(text, "-"))
	}
	_, err := fmt.Fprintf(out, lsColumns, printable.String(string(e.Scope)), e.Hash, terminal.Size(e.Size), e.modified.UTC().Format(time.RFC3339),
		printable.String(proof), printable.String(strings.Join(origin, "  ")))
	return err
}
