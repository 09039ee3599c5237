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
	JSON  bool // one object per line
	Limit int  // 0 means all
}

// List prints the selected entries, and then their number.
func (inv *Inventory) List(ctx context.Context, stdout, stderr io.Writer, selected Selection, options ListOptions) error {
	out := bufio.NewWriterSize(stdout, 64<<10)
	progress := newProgress(stderr)
	err := inv.list(ctx, selected, options, progress, out, terminal.IsTerminal(stdout))
	progress.live.Clear()
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return err
	}
	if options.Limit > 0 && progress.matched == options.Limit {
		progress.end("the first %s, %s, in %s", entryCount(progress.matched), terminal.Size(progress.bytes), inv)
	} else {
		progress.end("%s of %s, %s, in %s", terminal.Thousands(progress.matched), entryCount(progress.seen), terminal.Size(progress.bytes), inv)
	}
	return nil
}

// list writes the entries. With flush, each line is written at once.
func (inv *Inventory) list(ctx context.Context, selected Selection, options ListOptions, progress *progress, out *bufio.Writer, flush bool) error {
	for e, err := range inv.walk(ctx, selected.scopes, selected.hashes, progress.other) {
		if err != nil {
			return err
		}
		matches := selected.matches(e)
		progress.see(e, matches)
		if !matches {
			continue
		}
		progress.live.Clear()
		if err := writeEntry(out, e, options.JSON, progress.matched == 1); err != nil {
			return err
		}
		if flush {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if progress.matched == options.Limit {
			return nil
		}
	}
	return nil
}

// lsColumns is the format of a line for people.
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
