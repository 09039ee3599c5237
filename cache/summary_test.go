package cache_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestSummary(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "1", "2")
	blobs.Alter(blobName("2"), func(b *cachetest.Blob) { b.Content[0] ^= 1 })
	c := newCache(t, blobs)
	if got := c.Summary(); got != (cache.Summary{}) {
		t.Errorf("got %+v before the first request", got)
	}

	for _, hash := range []string{"1", "1", "2", "404", "405", "406", "405", "2", "404"} {
		_, err := c.Retrieve(t.Context(), hash, dir)
		if err != nil && !errors.Is(err, cache.ErrNotFound) && !errors.Is(err, cache.ErrDamaged) {
			t.Error(err)
		}
	}
	for _, hash := range []string{"1", "3", "unstorable", "no-outputs"} {
		if hash == "3" || hash == "unstorable" {
			outputs(t, dir, hash, map[string]string{"a": hash})
		}
		if hash == "unstorable" {
			if err := os.Symlink("/", filepath.Join(dir, hash, "link")); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := cachetest.Store(t.Context(), c, hash, dir, 0, cache.TerminalOutput{}); err != nil {
			t.Error(err)
		}
	}
	one, _ := blobs.Blob(blobName("1"))
	three, _ := blobs.Blob(blobName("3"))
	want := cache.Summary{
		Hits: 2, Misses: 3, Damaged: 1, Stored: 1, Existing: 1, Skipped: 1, Evicted: 1,
		BytesRead: 2 * int64(len(one.Content)), BytesWritten: int64(len(three.Content)),
	}
	if got := c.Summary(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	broken := newCache(t, failing{errors.New("no route to host")})
	for range 3 {
		_, _ = broken.Retrieve(t.Context(), "1", dir) // all of them fail
	}
	_, _, _ = cachetest.Store(t.Context(), broken, "1", dir, 0, cache.TerminalOutput{})
	if got := broken.Summary(); got != (cache.Summary{Failed: 2}) {
		t.Errorf("got %+v, want 2 failed", got)
	}
}

// A miss stays a miss if the result is stored later.
func TestSummaryOfAHashThatIsStoredLater(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "1")
	c := newCache(t, blobs)
	retrieve := func(hash string) {
		if _, err := c.Retrieve(t.Context(), hash, dir); err != nil && !errors.Is(err, cache.ErrNotFound) {
			t.Error(err)
		}
	}
	retrieve("2")
	outputs(t, dir, "2", map[string]string{"a": "2"})
	if _, _, err := cachetest.Store(t.Context(), c, "2", dir, 0, cache.TerminalOutput{}); err != nil {
		t.Fatal(err)
	}
	retrieve("2")
	if got := c.Summary(); got.Misses != 1 || got.Hits != 1 {
		t.Errorf("got %d misses and %d hits, want 1 of each", got.Misses, got.Hits)
	}
}

// The names are part of the wire.
func TestSummaryAsJSON(t *testing.T) {
	got, err := json.Marshal(cache.Summary{Hits: 1, Misses: 2, Damaged: 3, Stored: 4, Existing: 5, Skipped: 6, Evicted: 10, Failed: 7, BytesRead: 8, BytesWritten: 9})
	want := `{"hits":1,"misses":2,"damaged":3,"stored":4,"existing":5,"skipped":6,"evicted":10,"failed":7,"bytesRead":8,"bytesWritten":9}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
