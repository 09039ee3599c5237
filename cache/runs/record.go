package runs

import (
	"slices"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Format is the version of the format.
const Format = 1

// Record is what one run of Nx did.
type Record struct {
	Format  int       `json:"format"`
	Session string    `json:"session"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`

	Scope trust.Scope `json:"scope"` // that the run writes
	Mode  cache.Mode  `json:"mode"`
	CI    bool        `json:"ci"`
	// Source says where the run comes from. It contains the writer's claims.
	Source Source `json:"source"`

	Nx   string `json:"nx,omitempty"`   // version
	Tool string `json:"tool,omitempty"` // nx-azure-cache and its version
	OS   string `json:"os,omitempty"`   // GOOS
	Arch string `json:"arch,omitempty"` // GOARCH

	Totals Totals  `json:"totals"`
	Inputs []Input `json:"inputs"`
	Tasks  []Task  `json:"tasks"`
	// Omitted is the number of tasks that are not in Tasks: there are too many, or they are
	// private (see [Record.Shared]).
	Omitted int `json:"omitted,omitempty"`
	// Excluded is how many private tasks [Record.Shared] has left out. It is not a part of
	// the format, which has the sum.
	Excluded int `json:"-"`
}

// Source is where a run comes from; "" means unknown.
type Source struct {
	Repository string `json:"repository,omitempty"` // such as owner/name
	Ref        string `json:"ref,omitempty"`        // such as refs/heads/main
	Commit     string `json:"commit,omitempty"`
	Run        string `json:"run,omitempty"` // URL of the CI run
}

// Totals are sums over the run.
type Totals struct {
	cache.Summary
	LocalHits int64 `json:"localHits"` // results that Nx found in its local cache
	// Waited is for how many milliseconds Nx waited for the cache: for requests and, in CI,
	// at the end of the run until its results were stored. The writing of the record itself
	// is not in it. The summary's Saved is gross: what was saved is Saved - Waited.
	Waited int64 `json:"waited"`
}

// Task is what the run did with a task.
type Task struct {
	ID      string  `json:"id"`             // project:target or project:target:configuration
	Hash    string  `json:"hash,omitempty"` // Nx's task hash
	Outcome Outcome `json:"outcome"`

	// Lookup says why there was no usable entry, unless there simply was none.
	Lookup Lookup `json:"lookup,omitempty"`
	// Reason says why the result was not stored, or why the lookup failed: one line.
	Reason     string          `json:"reason,omitempty"`
	Diagnostic diagnostic.Code `json:"diagnostic,omitempty"` // of the reason

	From  trust.Scope `json:"from,omitempty"`  // scope of a remote hit
	Bytes int64       `json:"bytes,omitempty"` // of the archive that was read or stored
	// Ran is for how many milliseconds the task ran; nil if it did not, or if this
	// version of Nx does not tell.
	Ran *int64 `json:"ran,omitempty"`
	// Saved is for how many milliseconds the task of a remote hit ran when its result was
	// stored; nil if the entry does not tell.
	Saved *int64 `json:"saved,omitempty"`

	// IsPrivate means that the settings exclude the task, perhaps because its name is
	// secret. It is not a part of the format, see [Record.Shared].
	IsPrivate bool `json:"-"`

	// Inputs are indices into [Record.Inputs], ascending; nil if this version of Nx does
	// not tell.
	Inputs []int `json:"inputs,omitempty"`
}

// Outcome is what became of a task.
type Outcome string

// The outcomes.
const (
	RemoteHit Outcome = "remote-hit"
	LocalHit  Outcome = "local-hit"
	Stored    Outcome = "stored"
	Existing  Outcome = "existing" // it ran, and its entry existed already
	// NotStored: it ran, and Task.Reason says why its result was not stored.
	NotStored Outcome = "not-stored"
	// ReadOnly: it ran, and the run may not store results.
	ReadOnly Outcome = "read-only"
	// Excluded: azure.include or azure.exclude keeps it out of the remote cache.
	Excluded Outcome = "excluded"
	// Failed: the task failed.
	Failed Outcome = "failed"
	// NotCacheable: Nx does not cache the task.
	NotCacheable Outcome = "not-cacheable"
	// NotRun: it was skipped or stopped.
	NotRun Outcome = "not-run"
	// OtherOutcome: a later version knows it. Readers return it for unknown outcomes.
	OtherOutcome Outcome = "other"
)

func (o Outcome) isKnown() bool {
	switch o {
	case RemoteHit, LocalHit, Stored, Existing, NotStored, ReadOnly, Excluded, Failed, NotCacheable, NotRun:
		return true
	}
	return false
}

// Lookup is what happened to the request for a result.
type Lookup string

// The lookups that are neither a hit nor a plain miss.
const (
	LookupDamaged Lookup = "damaged" // an entry exists, and must not be used
	LookupFailed  Lookup = "failed"  // the storage failed
	// LookupUnreadable: an entry exists, and its state prevents reading it: it is in the
	// archive tier, for example.
	LookupUnreadable Lookup = "unreadable"
	// LookupVerify: azure.verify treated the hit as a miss. LookupDiffers: so, and the
	// task made another result.
	LookupVerify  Lookup = "verify"
	LookupDiffers Lookup = "differs"
	// OtherLookup: a later version knows it. Readers return it for unknown lookups.
	OtherLookup Lookup = "other"
)

func (l Lookup) isKnown() bool {
	switch l {
	case "", LookupDamaged, LookupFailed, LookupUnreadable, LookupVerify, LookupDiffers:
		return true
	}
	return false
}

// IsStored reports whether the storage has an entry for the task's hash after the run.
func (t *Task) IsStored() bool {
	return t.Outcome == RemoteHit || t.Outcome == Stored || t.Outcome == Existing
}

// IsMiss reports whether the task ran although Nx caches it.
func (t *Task) IsMiss() bool {
	switch t.Outcome {
	case Stored, Existing, NotStored, ReadOnly, Excluded, Failed:
		return true
	}
	return false
}

// Shared returns the record without private tasks, for others to read. It has no input that
// names a project if all its tasks in the record are private. [Encode] leaves out the
// inputs that only private tasks have.
func (r *Record) Shared() *Record {
	shared := *r
	shared.Tasks = slices.DeleteFunc(slices.Clone(r.Tasks), func(t Task) bool { return t.IsPrivate })
	shared.Excluded = len(r.Tasks) - len(shared.Tasks)
	shared.Omitted += shared.Excluded
	isHidden := r.hiddenInputs()
	if !slices.Contains(isHidden, true) {
		return &shared
	}
	for i := range shared.Tasks {
		task := &shared.Tasks[i]
		task.Inputs = slices.DeleteFunc(slices.Clone(task.Inputs), func(input int) bool {
			return input >= 0 && input < len(isHidden) && isHidden[input]
		})
	}
	return &shared
}

// hiddenInputs reports which inputs name a project that has private tasks only.
func (r *Record) hiddenInputs() []bool {
	// The ID of a task begins with its project. Both may contain ":".
	private := make(map[string]bool) // by what may be the name of a project
	for _, isPrivate := range []bool{true, false} {
		for i := range r.Tasks {
			if id := r.Tasks[i].ID; r.Tasks[i].IsPrivate == isPrivate {
				for end := range id {
					if id[end] == ':' && (isPrivate || private[id[:end]]) {
						private[id[:end]] = isPrivate
					}
				}
			}
		}
	}
	hidden := make([]bool, len(r.Inputs))
	for i, input := range r.Inputs {
		for end := range input.Name {
			hidden[i] = hidden[i] || input.Name[end] == ':' && private[input.Name[:end]]
		}
	}
	return hidden
}
