package cache

import (
	"strconv"
	"testing"
)

func TestDistinct(t *testing.T) {
	var d distinct
	var n counters
	for _, step := range []struct {
		r    retrieval
		want bool
	}{
		{retrieval{"1", &n.misses}, true},
		{retrieval{"1", &n.misses}, false},
		{retrieval{"1", &n.damaged}, true},
		{retrieval{"2", &n.misses}, true},
		{retrieval{"2", &n.misses}, false},
	} {
		if got := d.add(step.r); got != step.want {
			t.Errorf("%s: got %t, want %t", step.r.hash, got, step.want)
		}
	}
}

// Its memory is limited, however many hashes Nx requests.
func TestDistinctOfMany(t *testing.T) {
	var d distinct
	var n counters
	for i := range maxDistinct + 1000 {
		if !d.add(retrieval{strconv.Itoa(i), &n.misses}) {
			t.Fatalf("%d counts as repeated", i)
		}
	}
	if len(d.seen) != maxDistinct {
		t.Errorf("got %d retrievals, want %d", len(d.seen), maxDistinct)
	}
	if d.add(retrieval{"0", &n.misses}) {
		t.Error("the first retrieval is forgotten")
	}
}
