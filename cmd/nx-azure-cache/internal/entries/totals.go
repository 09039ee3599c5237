package entries

import (
	"maps"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// TotalLine is the number of entries and their bytes, as JSON.
type TotalLine struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

func (t *TotalLine) add(bytes int64) {
	t.Entries++
	t.Bytes += bytes
}

// TotalsLine is the JSON of ls --total.
type TotalsLine struct {
	TotalLine
	// Records are the run records in the scopes that were listed. They are no entries.
	Records     int   `json:"records,omitempty"`
	RecordBytes int64 `json:"recordBytes,omitempty"`

	Scopes []ScopeLine `json:"scopes"`
}

// ScopeLine is the total of a scope.
type ScopeLine struct {
	Scope string `json:"scope"`
	TotalLine
}

// totals counts entries instead of printing them.
type totals struct {
	printer  *printer
	progress *progress
	byScope  map[string]TotalLine
}

func newTotals(p *printer, progress *progress) *totals {
	return &totals{p, progress, make(map[string]TotalLine)}
}

func (t *totals) add(e *entry) error {
	scope := t.byScope[string(e.Scope)]
	scope.add(e.Size)
	t.byScope[string(e.Scope)] = scope
	return nil
}

func (t *totals) end() error {
	all := TotalsLine{Scopes: []ScopeLine{}, Records: t.progress.records.Entries, RecordBytes: t.progress.records.Bytes}
	for _, name := range slices.Sorted(maps.Keys(t.byScope)) {
		scope := t.byScope[name]
		all.Entries += scope.Entries
		all.Bytes += scope.Bytes
		all.Scopes = append(all.Scopes, ScopeLine{name, scope})
	}
	out := t.printer.out
	if t.printer.json {
		if err := terminal.JSON(out, all, ""); err != nil {
			return err
		}
		return out.Flush()
	}
	rows := table.New(out, table.Column{Title: "SCOPE", Most: maxCell}, table.Column{Title: "ENTRIES", Right: true}, table.Column{Title: "SIZE", Right: true})
	for _, scope := range append(all.Scopes, ScopeLine{"total", all.TotalLine}) {
		if err := rows.Row(scope.Scope, terminal.Thousands(scope.Entries), terminal.Size(scope.Bytes)); err != nil {
			return err
		}
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	return out.Flush()
}
