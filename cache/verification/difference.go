package verification

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Difference is the error of a result that differs from its stored entry.
type Difference struct {
	Hash  string
	Task  string // "" if unknown
	Code  int    // exit code of the task in this run, if known; that of the entry is 0
	Files []manifest.Difference
	// HasFailed is set if the task failed in this run.
	HasFailed bool

	Stored trust.Provenance // of the entry, as it says
	Run    string           // the URL of this run, or ""
}

// Made is a result that a run has made.
type Made struct {
	Hash, Task string
	Code       int
	Manifest   *manifest.Manifest
}

// Compare compares a result with its entry. It returns nil if they are equal.
func (c *Checker) Compare(stored *Stored, made Made) *Difference {
	if made.Code == 0 && stored.Manifest.Equal(made.Manifest) {
		return nil
	}
	return &Difference{
		Hash: made.Hash, Task: made.Task, Code: made.Code, Files: stored.Manifest.Differences(made.Manifest),
		HasFailed: made.Code != 0, Stored: stored.Provenance, Run: c.run,
	}
}

// Failed compares a task that failed with what was kept for its hash, as [Checker.Take] does.
// It returns nil if nothing was kept.
func (c *Checker) Failed(hash, task string) *Difference {
	stored := c.Take(hash)
	if stored == nil {
		return nil
	}
	return &Difference{Hash: hash, Task: task, HasFailed: true, Stored: stored.Provenance, Run: c.run}
}

// IsDifference reports whether an error is a [*Difference].
func IsDifference(err error) bool {
	_, ok := errors.AsType[*Difference](err)
	return ok
}

// Diagnostic implements [diagnostic.Coded].
func (d *Difference) Diagnostic() diagnostic.Code { return diagnostic.EntryDiffers }

const (
	// The line names maxFiles files. A name, a task and a URL are shortened.
	maxFiles = 3
	maxName  = 60
	maxTask  = 80
	maxURL   = 120
)

// Error is one line that names the files and both runs, and says what to do.
func (d *Difference) Error() string {
	of := ""
	if d.Task != "" {
		of = " of " + printable.Short(d.Task, maxTask)
	}
	at := "an unknown time"
	if !d.Stored.Time.IsZero() {
		at = d.Stored.Time.UTC().Format(time.RFC3339)
	}
	cause := "the task's outputs are not reproducible"
	if d.HasFailed {
		cause = "the task does not always fail"
	}
	writer := cmp.Or(printable.Short(d.Stored.Run, maxURL), "an unknown run")
	return fmt.Sprintf("the result %s%s differs from its stored entry: %s; %s stored it at %s, %s made another result: "+
		"%s, or someone planted the entry; inspect it with npx nx-azure-cache inspect %s, delete it with npx nx-azure-cache evict --hash %s",
		d.Hash, of, d.what(), writer, at, cmp.Or(printable.Short(d.Run, maxURL), "this run"), cause, d.Hash, d.Hash)
}

// what names a few of the differences.
func (d *Difference) what() string {
	var all []string
	if d.Code != 0 {
		all = append(all, fmt.Sprintf("the exit code is %d", d.Code))
	} else if d.HasFailed {
		all = append(all, "the task failed")
	}
	for _, f := range d.Files[:min(len(d.Files), maxFiles)] {
		all = append(all, fmt.Sprintf("%s (%s)", printable.Short(f.Name, maxName), described[f.What]))
	}
	if more := len(d.Files) - maxFiles; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	if len(all) == 0 {
		return "one of its many files"
	}
	return strings.Join(all, ", ")
}

// described is what [manifest.What] means for a reader of the line.
var described = map[manifest.What]string{
	manifest.Missing: "only stored",
	manifest.Extra:   "only made now",
	manifest.Kind:    "file, directory or link",
	manifest.Content: "content",
	manifest.Target:  "link target",
	manifest.Mode:    "mode",
}
