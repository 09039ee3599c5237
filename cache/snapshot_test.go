package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// handOver writes a result and then takes a snapshot, as when Nx calls store.
func handOver(t *testing.T, cacheDirectory, hash string) snapshot.Snapshot {
	t.Helper()
	outputs(t, cacheDirectory, hash, map[string]string{"dist/a": "a", "dist/lib/b": "b"})
	return snapshot.Take(filepath.Join(cacheDirectory, hash))
}

// otherRuns change the folder of a result as a second Nx run does: it removes the folder,
// creates it again and copies the outputs. Each function stops at another point.
var otherRuns = map[string]func(dir string) error{
	"created again, empty": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
	"created again, half full": func(dir string) error {
		return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "dist"), 0o755),
			os.WriteFile(filepath.Join(dir, "dist", "a"), []byte("a"), 0o644))
	},
	"emptied":               func(dir string) error { return os.RemoveAll(filepath.Join(dir, "dist")) },
	"a nested file removed": func(dir string) error { return os.Remove(filepath.Join(dir, "dist", "lib", "b")) },
	"a file rewritten": func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "dist", "lib", "b"), nil, 0o644)
	},
}

// later is the delay after which even the slowest clock stamps a change later than the
// call.
const later = 60 * time.Millisecond

func TestChangesBetweenTheCallAndTheAcceptance(t *testing.T) {
	for name, change := range otherRuns {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
			c := newCache(t, blobs)
			seen := handOver(t, dir, "123")
			time.Sleep(later)
			if err := change(filepath.Join(dir, "123")); err != nil {
				t.Fatal(err)
			}
			done := make(chan cache.Stored, 1)
			reason, err := c.Store(t.Context(), cache.Result{Hash: "123", CacheDirectory: dir, Snapshot: seen}, func(s cache.Stored) { done <- s })
			if reason == "" && err == nil {
				if stored := <-done; stored.Outcome != cache.OutcomeChanged {
					t.Errorf("got %+v, want the change detected", stored)
				}
			} else if !errors.Is(err, cache.ErrSkipped) {
				t.Errorf("got %q, %v; want it skipped", reason, err)
			}
			if got := blobs.Names(); len(got) > 0 {
				t.Errorf("stored %v", got)
			}
		})
	}
}

func TestChangesBetweenTheAcceptanceAndPacking(t *testing.T) {
	for name, change := range otherRuns {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), newGatedPuts()
			c := newCache(t, blobs)
			var first []<-chan cache.Stored
			for _, hash := range []string{"1", "2", "3", "4"} { // they take all slots
				outputs(t, dir, hash, map[string]string{"a": "1"})
				first = append(first, accept(t, c, hash, dir, cache.TerminalOutput{}))
				<-blobs.arrived
			}
			handOver(t, dir, "123")
			done := accept(t, c, "123", dir, cache.TerminalOutput{})
			if err := change(filepath.Join(dir, "123")); err != nil {
				t.Fatal(err)
			}
			close(blobs.gate)
			if stored := <-done; stored.Outcome != cache.OutcomeChanged {
				t.Errorf("got %+v, want the change detected", stored)
			}
			for _, done := range first {
				<-done
			}
		})
	}
}

// Complete results are stored, however soon Nx hands them over after writing them.
func TestCompleteResultsAreStored(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, new(cachetest.Memory))
	for i := range 100 {
		hash := string(rune('a'+i%26)) + string(rune('a'+i/26))
		seen := handOver(t, dir, hash)
		if i%2 == 1 {
			time.Sleep(time.Duration(i%7) * time.Millisecond)
		}
		done := make(chan cache.Stored, 1)
		reason, err := c.Store(t.Context(), cache.Result{Hash: hash, CacheDirectory: dir, Snapshot: seen}, func(s cache.Stored) { done <- s })
		if reason != "" || err != nil {
			t.Fatalf("got %q, %v", reason, err)
		}
		if stored := <-done; stored.Outcome != cache.OutcomeStored {
			t.Fatalf("got %+v, want it stored", stored)
		}
	}
}

func TestSnapshotOfNoFolder(t *testing.T) {
	dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
	c := newCache(t, blobs)
	seen := snapshot.Take(filepath.Join(dir, "123"))
	outputs(t, dir, "123", map[string]string{"a": "of another run"})
	reason, err := c.Store(t.Context(), cache.Result{Hash: "123", CacheDirectory: dir, Snapshot: seen}, nil)
	if reason != "" || !errors.Is(err, cache.ErrSkipped) || len(blobs.Names()) > 0 {
		t.Errorf("got %q, %v, %v; want it skipped", reason, err, blobs.Names())
	}
}

func TestResultThatLacksAnOutput(t *testing.T) {
	dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
	c := newCache(t, blobs)
	seen := handOver(t, dir, "123")
	seen.MissingOutput = "dist/c"
	reason, err := c.Store(t.Context(), cache.Result{Hash: "123", CacheDirectory: dir, Snapshot: seen}, nil)
	want := "is incomplete: its output dist/c is in the workspace, but not in " + filepath.Join(dir, "123") + " (is another run of Nx building it?)"
	if reason != want || err != nil || len(blobs.Names()) > 0 {
		t.Errorf("got %q, %v, %v; want %q", reason, err, blobs.Names(), want)
	}
	if got := c.Summary(); got.Skipped != 1 {
		t.Errorf("got %+v, want it counted as skipped", got)
	}
}

// Nx removes waiting results to keep maxCacheSize, and `nx reset` removes all. A run that
// makes the same result also removes it, and then writes its own.
func TestResultsThatAreRemovedWhileTheyWait(t *testing.T) {
	for name, test := range map[string]struct {
		remove func(dir string) error
		others string // notes of another run
		want   cache.Outcome
	}{
		"evicted": {evict, "", cache.OutcomeEvicted},
		"evicted, and another run makes another result": {evict, "+1234\n", cache.OutcomeEvicted},
		"another run makes the result":                  {evict, "+123\n", cache.OutcomeChanged},
		"reset":                                         {os.RemoveAll, "", cache.OutcomeChanged},
	} {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), newGatedPuts()
			c, other := newCache(t, blobs), newCache(t, new(cachetest.Memory))
			_, _ = other.Retrieve(t.Context(), "0", dir) // which creates its folder
			for _, hash := range []string{"1", "2", "3", "4"} {
				outputs(t, dir, hash, map[string]string{"a": "1"})
				accept(t, c, hash, dir, cache.TerminalOutput{})
				<-blobs.arrived
			}
			handOver(t, dir, "123")
			done := accept(t, c, "123", dir, cache.TerminalOutput{})
			note(t, dir, other.Session(), test.others)
			if err := test.remove(dir); err != nil {
				t.Fatal(err)
			}
			close(blobs.gate)
			if stored := <-done; stored.Outcome != test.want {
				t.Errorf("got %+v, want %q", stored, test.want)
			}
			if got := c.Summary().Evicted == 1; got != (test.want == cache.OutcomeEvicted) {
				t.Errorf("got %+v", c.Summary())
			}
		})
	}
}

// evict removes the result 123, as Nx does.
func evict(dir string) error { return os.RemoveAll(filepath.Join(dir, "123")) }
