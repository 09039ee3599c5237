package runs

import (
	"errors"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// What a writer writes.
const (
	maxWritten    = 20_000  // tasks
	writtenWindow = 4 << 20 // of zstd, in bytes
)

// What a reader accepts.
const (
	// MaxBody is the size of the largest body, in bytes.
	MaxBody = 4 << 20

	maxPlain   = 64 << 20  // bytes of JSON
	maxElement = 4 << 20   // bytes of a task, of an input, or of another field
	maxWindow  = 8 << 20   // of zstd, in bytes
	maxTasks   = 50_000    // of a record
	maxInputs  = 100_000   // in the table
	maxIndices = 1_000_000 // of all tasks
	maxOfTask  = 100_000   // of one

	// JSON is at most maxRatio times as long as its compressed form, or minPlain bytes.
	// Records have ratios of 10 to 50. So a small blob cannot cost a reader much time.
	maxRatio = 400
	minPlain = 4 << 20
)

// plainOf is the length of the longest JSON that a body may have.
func plainOf(body []byte) int { return min(maxPlain, max(minPlain, maxRatio*len(body))) }

// The lengths of the longest strings, in bytes. Longer ones are cut.
const (
	maxID     = 512 // of a task
	maxName   = 512 // of an input
	maxReason = 512
	maxSource = 256 // as in a provenance
	maxShort  = 64  // versions and platforms
	maxShown  = 80  // in an error
)

const (
	// maxDuration is the longest time that a task may have run, in milliseconds.
	maxDuration = int64(7 * 24 * time.Hour / time.Millisecond)
	// maxNumber is more than a run can count: 70 TB, or 2,000 years. The sum of 100,000
	// such numbers is an int64.
	maxNumber = 1 << 46
)

// The times of records.
var (
	earliest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// normalize checks the fields of the record itself, and makes its strings printable.
func (r *Record) normalize() error {
	if r.Format != Format {
		return fmt.Errorf("its format is %d; this version reads %d", r.Format, Format)
	}
	if !sessions.MatchString(r.Session) {
		return fmt.Errorf("its session is %q", printable.Short(r.Session, maxShown))
	}
	if !scopes.MatchString(string(r.Scope)) {
		return fmt.Errorf("its scope is %q", printable.Short(string(r.Scope), maxShown))
	}
	if mode, ok := cache.ParseMode(string(r.Mode)); !ok || mode != r.Mode {
		return fmt.Errorf("its mode is %q", printable.Short(string(r.Mode), maxShown))
	}
	for _, at := range []*time.Time{&r.Started, &r.Ended} {
		if at.Before(earliest) || at.After(latest) {
			return errors.New("its times are not of a run")
		}
		*at = at.UTC().Truncate(time.Millisecond)
	}
	if r.Started.After(r.Ended) { // the clock was changed
		r.Started = r.Ended
	}
	if r.Omitted < 0 || r.Omitted > maxNumber {
		return errors.New("the number of its omitted tasks is impossible")
	}
	cut(maxSource, &r.Source.Repository, &r.Source.Ref, &r.Source.Commit, &r.Source.Run)
	cut(maxShort, &r.Nx, &r.Tool, &r.OS, &r.Arch)
	r.Totals.normalize()
	return nil
}

// normalize makes impossible numbers 0.
func (t *Totals) normalize() {
	for _, number := range []*int64{
		&t.Hits, &t.Misses, &t.Damaged, &t.Stored, &t.Existing, &t.Skipped, &t.Evicted, &t.Failed,
		&t.BytesRead, &t.BytesWritten, &t.Saved, &t.LocalHits, &t.Waited,
	} {
		if *number < 0 || *number > maxNumber {
			*number = 0
		}
	}
}

// normalize checks a task, apart from its inputs, and makes its strings printable. What is
// impossible in an optional field becomes unknown.
func (t *Task) normalize() error {
	if t.ID == "" {
		return errors.New("a task has no name")
	}
	cut(maxID, &t.ID)
	if err := taskhash.Check(t.Hash); t.Hash != "" && err != nil {
		return fmt.Errorf("the task %s: %w", printable.Short(t.ID, maxShown), err)
	}
	if !t.Outcome.isKnown() {
		t.Outcome = OtherOutcome
	}
	if !t.Lookup.isKnown() {
		t.Lookup = OtherLookup
	}
	t.Reason = printable.Short(printable.Line(t.Reason), maxReason)
	if diagnostic.URL(t.Diagnostic) == "" {
		t.Diagnostic = ""
	}
	if !scopes.MatchString(string(t.From)) {
		t.From = trust.Scope("")
	}
	if t.Bytes < 0 || t.Bytes > maxNumber {
		t.Bytes = 0
	}
	t.Ran, t.Saved = duration(t.Ran), duration(t.Saved)
	return nil
}

// duration returns nil for an impossible duration.
func duration(milliseconds *int64) *int64 {
	if milliseconds == nil || *milliseconds < 0 || *milliseconds > maxDuration {
		return nil
	}
	return milliseconds
}

// cut makes strings printable, and cuts long ones.
func cut(max int, strings ...*string) {
	for _, s := range strings {
		*s = printable.Short(*s, max)
	}
}
