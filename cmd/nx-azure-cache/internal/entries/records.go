package entries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// recordCount returns a number with its noun, such as "1,234 run records".
func recordCount(n int) string { return terminal.Count(n, "run record", "run records") }

// ErrNoRecordFilter is returned if a filter of entries is used for records.
var ErrNoRecordFilter = errors.New("--records works only with --scope, --before and --after: a record is about many tasks")

// CheckRecords returns an error unless the selection can select records of runs.
func (s Selection) CheckRecords() error {
	if s.archived || len(s.hashes)+len(s.tasks)+len(s.ref)+len(s.run)+len(s.signer)+len(s.signatures) > 0 {
		return ErrNoRecordFilter
	}
	return nil
}

// records yields the records of runs in some scopes of all containers; of all scopes if
// there is no pattern. The first error is the last item.
func (inv *Inventory) records(ctx context.Context, scopes []string) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for _, container := range inv.containers {
			for blob, err := range inv.recordsIn(ctx, container, scopes) {
				scope, _, _, isRecord := runs.ParseName(inv.settings.Prefix, blob.Name)
				if err == nil && !isRecord {
					continue
				}
				e := &entry{
					Entry:     cache.Entry{Prefix: inv.settings.Prefix, Scope: scope, Size: blob.Size, Metadata: blob.Metadata},
					container: container, name: blob.Name, etag: blob.ETag, modified: blob.Modified, tier: blob.Tier,
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// recordsIn lists the blobs that may be records.
func (inv *Inventory) recordsIn(ctx context.Context, container *azure.Container, scopes []string) iter.Seq2[azure.Properties, error] {
	return func(yield func(azure.Properties, error) bool) {
		for folder, err := range inv.folders(ctx, container, scopes) {
			if err != nil {
				yield(azure.Properties{}, err)
				return
			}
			for blob, err := range container.List(ctx, folder+"runs/") {
				if !yield(blob, err) || err != nil {
					return
				}
			}
		}
	}
}

// DryRunRecords prints which records would be deleted.
func (inv *Inventory) DryRunRecords(ctx context.Context, out, stderr io.Writer, selected Selection) error {
	progress := newProgress(stderr)
	output := newOutput(out, progress.live)
	rows := table.New(output, table.Column{Title: "SCOPE", Most: maxCell}, table.Column{Title: "RECORD"}, table.Column{Title: "SIZE", Right: true}, table.Column{Title: "WRITTEN"})
	for e, err := range inv.records(ctx, selected.scopes) {
		if err != nil {
			return err
		}
		matches := selected.matches(e)
		progress.see(e, matches)
		if !matches || progress.matched > shownNames {
			continue
		}
		name := strings.TrimPrefix(e.name, runs.ScopePrefix(inv.settings.Prefix, e.Scope))
		if err := rows.Row(string(e.Scope), name, terminal.Size(e.Size), e.modified.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	if rest := progress.matched - shownNames; rest > 0 {
		_, _ = fmt.Fprintf(output, "and %s more\n", terminal.Thousands(rest)) // Flush returns the error
	}
	if err := output.Flush(); err != nil {
		return err
	}
	hint := ""
	if progress.matched > 0 {
		hint = "; run with --yes to delete them"
	}
	progress.end("would delete %s of %s, %s, in %s%s", terminal.Thousands(progress.matched), recordCount(progress.seen), terminal.Size(progress.bytes), inv, hint)
	return nil
}

// EvictRecords deletes the selected records of runs, and no entries.
func (inv *Inventory) EvictRecords(ctx context.Context, stderr io.Writer, selected Selection) error {
	v := newEvictor(stderr, recordCount)
	return v.evictFrom(ctx, inv, selected, inv.records(ctx, selected.scopes))
}
