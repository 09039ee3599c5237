package recorder

import (
	"cmp"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// Nx's statuses of tasks.
const (
	statusSuccess   = "success"
	statusFailure   = "failure"
	statusSkipped   = "skipped"
	statusStopped   = "stopped"
	statusLocal     = "local-cache"
	statusLocalKept = "local-cache-kept-existing"
	statusRemote    = "remote-cache"
)

const (
	// reasonUnknown is the reason of a result whose outcome is unknown at the end.
	reasonUnknown = "it was still being stored when the record was made, shortly before the time limit azure.timeouts.drain"
	// reasonCancelled is that of such a result if the run was cancelled.
	reasonCancelled = "the run was cancelled while it was being stored"
	// reasonNotHandedOver is the reason of a result that Nx did not pass to the cache.
	reasonNotHandedOver = "Nx did not hand over the result"
)

// maxClockError is how far the client's end of the run may be from this process's time.
const maxClockError = time.Hour

// Record makes the record of a run that has ended. header has what is known of the run
// itself, and now as Ended: what the hand-over says of the end counts if it is plausible.
//
// A task is in the record once, as it was first: a second run in the same process finds what
// the first one has made. What Nx says of a task wins over what the cache knows of its hash,
// because several things may have asked the cache.
func (r *Recorder) Record(h *HandOver, header runs.Record) *runs.Record {
	record := header
	record.Format, record.Inputs, record.Omitted = runs.Format, h.Inputs, h.Omitted
	record.Totals.Waited, record.Totals.LocalHits = h.Waited, 0
	if !h.Ended.IsZero() && header.Ended.Sub(h.Ended).Abs() < maxClockError {
		record.Ended = h.Ended
	}
	record.Started = h.Started
	if h.Started.IsZero() || h.Started.After(record.Ended) {
		record.Started = record.Ended
	}
	seen := make(map[string]bool, len(h.Tasks))
	record.Tasks = make([]runs.Task, 0, len(h.Tasks))
	for _, task := range h.Tasks {
		if seen[task.ID] {
			continue
		}
		seen[task.ID] = true
		known := r.of(task.Hash)
		known.isCancelled = h.IsCancelled
		recorded := merge(task, known, header.Mode)
		if recorded.Outcome == runs.LocalHit {
			record.Totals.LocalHits++
		}
		record.Tasks = append(record.Tasks, recorded)
	}
	return &record
}

// merge returns what the run did with a task.
func merge(task Task, known history, mode cache.Mode) runs.Task {
	merged := runs.Task{ID: task.ID, Hash: task.Hash, Inputs: task.Inputs, IsPrivate: task.IsPrivate}
	isHit := func() runs.Task {
		merged.Outcome = runs.RemoteHit
		merged.From, merged.Bytes, merged.Saved = known.from, known.restored, known.saved
		return merged
	}
	switch {
	case task.Status == statusSkipped || task.Status == statusStopped:
		merged.Outcome = runs.NotRun
		return merged
	case task.Status == statusRemote:
		return isHit()
	case task.Status == statusLocal || task.Status == statusLocalKept:
		if known.isHit { // Nx keeps a restored result in its local cache
			return isHit()
		}
		merged.Outcome = runs.LocalHit
		return merged
	}
	merged.Ran = task.Ran
	if task.IsUncacheable {
		merged.Outcome = runs.NotCacheable
		return merged
	}
	merged.Lookup = known.lookup
	problem := known.lookupProblem
	switch merged.Outcome = ranOutcome(task.Status, known.state, mode); merged.Outcome {
	case runs.Stored:
		merged.Bytes = known.sent
	case runs.NotStored:
		problem = notStored(known)
	}
	merged.Reason, merged.Diagnostic = problem.Reason, problem.Diagnostic
	return merged
}

// ranOutcome returns the outcome of a task that ran and that Nx caches.
func ranOutcome(status string, state state, mode cache.Mode) runs.Outcome {
	switch {
	case status == statusFailure:
		return runs.Failed
	case status != statusSuccess:
		return runs.OtherOutcome // of a later version of Nx
	case state == excluded:
		return runs.Excluded
	case state == stored:
		return runs.Stored
	case state == existing:
		return runs.Existing
	case mode != cache.ReadWrite:
		return runs.ReadOnly
	default:
		return runs.NotStored
	}
}

// notStored says why a result is not stored.
func notStored(known history) Problem {
	switch {
	case known.state == accepted && known.isCancelled:
		return Problem{Reason: reasonCancelled}
	case known.state == accepted:
		return Problem{reasonUnknown, diagnostic.DrainLimit}
	case known.state == notHandedOver:
		// A failed lookup is the likely cause of a cache that is off by now.
		return Problem{cmp.Or(known.lookupProblem.Reason, reasonNotHandedOver), known.lookupProblem.Diagnostic}
	default:
		return known.storeProblem
	}
}
