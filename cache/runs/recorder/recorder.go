package recorder

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

const (
	// maxHashes is how many hashes a recorder remembers, in about 15 MB. The outcome of
	// later ones follows from what Nx says.
	maxHashes = 50_000
	// maxReasons is how many bytes of reasons it remembers. Later problems keep only their
	// code.
	maxReasons = 1 << 20
	// maxReason is the length of the longest reason of a record.
	maxReason = 512
)

// Problem says why a result was not stored, or why a lookup failed: one line for people.
type Problem struct {
	Reason     string
	Diagnostic diagnostic.Code
}

// NewProblem returns a problem. Each of paths is a path of this machine and its name in records.
func NewProblem(reason string, code diagnostic.Code, paths ...[2]string) Problem {
	var names []string
	for _, path := range paths {
		if path[0] != "" && filepath.Dir(path[0]) != path[0] {
			names = append(names, path[0], path[1])
		}
	}
	return Problem{Reason: strings.NewReplacer(names...).Replace(printable.Line(reason)), Diagnostic: code}
}

// Recorder collects what the cache did with each hash. It is safe for concurrent use. The
// zero value is empty and ready.
type Recorder struct {
	mu      sync.Mutex
	hashes  map[string]*history
	reasons int // bytes
}

// history is what the cache did with a hash.
type history struct {
	isHit    bool
	from     trust.Scope // of a hit
	restored int64       // bytes of its archive
	saved    *int64      // milliseconds

	lookup        runs.Lookup // of a miss
	lookupProblem Problem

	state        state
	sent         int64 // bytes of the archive
	storeProblem Problem
	isCancelled  bool // the run was, see [HandOver]
}

// state is how far storing a result has come.
type state int8

const (
	notHandedOver state = iota
	excluded
	rejected // the cache did not accept it
	accepted // its outcome is not known yet
	stored
	existing
	failed
)

// Hit records that a result was found.
func (r *Recorder) Hit(hash string, hit *cache.Hit) {
	r.change(hash, func(h *history) {
		h.isHit, h.from, h.restored, h.saved = true, hit.Scope, hit.Bytes, hit.Took
	})
}

// Miss records that no usable result was found: lookup is "" for a plain miss. The last
// lookup of a hash counts, because a version of Nx may repeat it.
func (r *Recorder) Miss(hash string, lookup runs.Lookup, problem Problem) {
	r.change(hash, func(h *history) {
		h.lookup, h.lookupProblem = lookup, r.keep(problem)
	})
}

// Exclude records that the settings exclude the task of a hash.
func (r *Recorder) Exclude(hash string) {
	r.change(hash, func(h *history) { h.state = excluded })
}

// Reject records that the cache did not accept a result. problem says why.
func (r *Recorder) Reject(hash string, problem Problem) {
	r.change(hash, func(h *history) { h.state, h.storeProblem = rejected, r.keep(problem) })
}

// Accept records that a result is being stored. Its outcome may have been recorded before.
func (r *Recorder) Accept(hash string) {
	r.change(hash, func(h *history) {
		if h.state < accepted {
			h.state = accepted
		}
	})
}

// Store records the outcome of a result. problem says why it was not stored.
func (r *Recorder) Store(done cache.Stored, problem Problem) {
	r.change(done.Hash, func(h *history) {
		switch done.Outcome {
		case cache.OutcomeStored:
			h.state, h.sent = stored, done.Bytes
		case cache.OutcomeExists:
			h.state = existing
		case cache.OutcomeDiffers:
			h.state, h.lookup, h.lookupProblem = existing, runs.LookupDiffers, r.keep(problem)
		default:
			h.state, h.storeProblem = failed, r.keep(problem)
		}
	})
}

func (r *Recorder) change(hash string, change func(*history)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hashes[hash]
	if h == nil {
		if len(r.hashes) == maxHashes {
			return
		}
		if r.hashes == nil {
			r.hashes = make(map[string]*history)
		}
		h = new(history)
		r.hashes[strings.Clone(hash)] = h
	}
	change(h)
}

// keep cuts a reason to what is kept of it.
func (r *Recorder) keep(problem Problem) Problem {
	reason := printable.Short(problem.Reason, maxReason)
	if r.reasons += len(reason); r.reasons > maxReasons {
		reason = ""
	}
	problem.Reason = strings.Clone(reason) // not as a part of a longer string
	return problem
}

// of returns what is known of a hash.
func (r *Recorder) of(hash string) history {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.hashes[hash]; h != nil {
		return *h
	}
	return history{}
}
