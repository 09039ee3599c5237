package verification

import (
	"strconv"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// sampled returns which of 10,000 hashes a checker samples.
func sampled(c *Checker) (all []string) {
	for i := range 10_000 {
		if hash := strconv.Itoa(i); c.samples(hash) {
			all = append(all, hash)
		}
	}
	return all
}

// The share of the sampled hashes is about the one that is configured.
func TestShare(t *testing.T) {
	for share, want := range map[float64][2]int{1e-9: {0, 0}, 0.02: {150, 250}, 0.5: {4800, 5200}, 1: {10_000, 10_000}} {
		if n := len(sampled(New(share, trust.Provenance{}, "s", noon))); n < want[0] || n > want[1] {
			t.Errorf("%v: got %d of 10,000, want %v", share, n, want)
		}
	}
	for _, share := range []float64{0, -1} {
		if New(share, trust.Provenance{}, "s", noon) != nil {
			t.Errorf("%v: got a checker", share)
		}
	}
}

// A run that is repeated on the same day samples the same hashes, all others sample others.
func TestWhatDecides(t *testing.T) {
	run := trust.Provenance{Run: "https://github.com/o/r/actions/runs/1"}
	first := sampled(New(0.02, run, "a", noon))
	common := func(c *Checker) (n int) {
		for _, hash := range first {
			if c.samples(hash) {
				n++
			}
		}
		return n
	}
	if n := common(New(0.02, run, "b", noon.Add(11*time.Hour))); n != len(first) {
		t.Errorf("another attempt: %d of %d are the same", n, len(first))
	}
	if n := common(New(0.02, run, "b", noon.In(time.FixedZone("", 14*3600)))); n != len(first) {
		t.Errorf("another time zone: %d of %d are the same", n, len(first))
	}
	for name, c := range map[string]*Checker{
		"another run":   New(0.02, trust.Provenance{Run: run.Run + "0"}, "a", noon),
		"another day":   New(0.02, run, "a", noon.Add(12*time.Hour)),
		"no run":        New(0.02, trust.Provenance{}, "a", noon),
		"a new session": New(0.02, trust.Provenance{}, "b", noon),
	} {
		if n := common(c); n > len(first)/10 {
			t.Errorf("%s: %d of %d are the same", name, n, len(first))
		}
	}
}

// A hash is sampled once: its lookups are misses until the run has made its result.
func TestStatesOfAHash(t *testing.T) {
	c := New(1, trust.Provenance{}, "s", noon)
	check := func(step string, want bool, got bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %t", step, got)
		}
	}
	check("the first lookup begins", true, c.Begin("1"))
	check("it is sampled", true, c.IsSampled("1"))
	check("another one at once begins", false, c.Begin("1"))
	c.End("1") // there was no entry
	check("a later one begins", true, c.Begin("1"))
	c.Keep("1", Stored{Manifest: new(manifest.Manifest)})
	c.End("1")
	check("a repeated one begins", false, c.Begin("1"))
	check("the entry was kept", true, c.Take("1") != nil)
	check("the entry was kept twice", false, c.Take("1") != nil)
	check("after the result one begins", true, c.Begin("1"))
	check("it is sampled again", false, c.IsSampled("1"))
	c.End("1")
	check("the next one is sampled again", false, c.Begin("1") && c.IsSampled("1"))
	check("a hash that was never looked up was kept", false, c.Take("2") != nil)
}

// A run without a checker samples nothing.
func TestNoChecker(t *testing.T) {
	var c *Checker
	if !c.Begin("1") || c.IsSampled("1") || c.Take("1") != nil {
		t.Error("a nil checker samples")
	}
	c.End("1")
}

// The memory of a run is bounded.
func TestHashesAreBounded(t *testing.T) {
	c := New(1, trust.Provenance{}, "s", noon)
	for i := range maxHashes {
		c.Begin(strconv.Itoa(i))
	}
	if !c.Begin("one more") || c.IsSampled("one more") {
		t.Error("got a sample beyond the limit")
	}
}
