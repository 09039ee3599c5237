package verification

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

const (
	// maxHashes is how many hashes a run samples at most.
	maxHashes = 10_000
	// maxListed is how many entries all kept manifests list at most, in about 10 MB.
	// Later manifests are only digests, so their differences have no names.
	maxListed = 50_000
)

// Checker samples and compares the results of one run. It is safe for concurrent use. A nil
// Checker samples nothing.
type Checker struct {
	share float64
	salt  string // what a run samples depends on it
	run   string // the URL of this run, or ""

	mu     sync.Mutex
	hashes map[string]*sample
	listed int // entries that the kept manifests list
}

// sample is the state of a sampled hash.
type sample struct {
	stored     *Stored // nil while the stored entry is being read
	isCompared bool
}

// Stored is what the storage has for a hash.
type Stored struct {
	Manifest   *manifest.Manifest
	Provenance trust.Provenance // as the entry says
}

// New returns a checker for a share of the hits, from 0 to 1. If the run has no URL, the
// session takes its place.
func New(share float64, run trust.Provenance, session string, now time.Time) *Checker {
	if !(share > 0) {
		return nil
	}
	id := run.Run
	if id == "" {
		id = session
	}
	return &Checker{
		share: share, run: run.Run, hashes: make(map[string]*sample),
		salt: now.UTC().Format(time.DateOnly) + "\x00" + id,
	}
}

// samples reports whether the run samples a hash.
func (c *Checker) samples(hash string) bool {
	sum := sha256.Sum256([]byte(strings.Join([]string{"azure.verify", hash, c.salt}, "\x00")))
	return float64(binary.BigEndian.Uint64(sum[:]))/math.MaxUint64 < c.share || c.share >= 1
}

// Begin begins a lookup, which ends with [Checker.End]. It returns false if the lookup is a
// miss: a hit for hash was treated as a miss, or is being read for that. Versions of Nx
// repeat lookups, and the entry must not come after the task has begun.
func (c *Checker) Begin(hash string) bool {
	if c == nil || !c.samples(hash) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if state := c.hashes[hash]; state != nil {
		return state.isCompared
	}
	if len(c.hashes) < maxHashes {
		c.hashes[hash] = new(sample)
	}
	return true
}

// IsSampled reports whether a hit is to be treated as a miss, in a lookup that has begun.
func (c *Checker) IsSampled(hash string) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.hashes[hash]
	return state != nil && state.stored == nil && !state.isCompared
}

// Keep keeps what the storage has until the run has made the same result.
func (c *Checker) Keep(hash string, stored Stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if listed := c.listed + stored.Manifest.Listed(); listed > maxListed {
		stored.Manifest = stored.Manifest.WithoutList()
	} else {
		c.listed = listed
	}
	c.hashes[hash] = &sample{stored: &stored}
}

// End ends a lookup. It forgets the hash unless a hit was kept.
func (c *Checker) End(hash string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if state := c.hashes[hash]; state != nil && state.stored == nil && !state.isCompared {
		delete(c.hashes, hash)
	}
}

// Take returns what was kept for a hash, once, or nil. Later lookups of the hash are
// ordinary ones.
func (c *Checker) Take(hash string) *Stored {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.hashes[hash]
	if state == nil || state.stored == nil {
		return nil
	}
	c.hashes[hash] = &sample{isCompared: true}
	c.listed -= state.stored.Manifest.Listed()
	return state.stored
}
