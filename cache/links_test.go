//go:build unix

package cache_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// A result with a link that this Nx rejects is not stored. If an Nx that accepts it has
// stored it, it is a miss: it counts as undamaged and is not replaced.
func TestLinksThatNxRejects(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"dist/a/f": "1", "dist/b/f": "2"})
	symlink(t, "../b/f", filepath.Join(dir, "123", "dist", "a", "l"))
	declared := []string{"dist/a", "dist/b"}
	blobs := new(cachetest.Memory)

	c := newCache(t, blobs)
	done := make(chan cache.Stored, 1)
	reason, err := c.Store(t.Context(), cachetest.Result("123", dir, 0, cache.TerminalOutput{}, declared...), func(s cache.Stored) { done <- s })
	if reason != "" || err != nil {
		t.Fatal(reason, err)
	}
	const want = "cannot be stored: link dist/a/l -> ../b/f does not stay below the output dist/a"
	if got := <-done; got.Outcome != cache.OutcomeRefused || !errors.Is(got.Err, archive.ErrNotStorable) || !strings.HasPrefix(got.Err.Error(), want) {
		t.Errorf("got %+v, want %q", got, want)
	}
	if names := blobs.Names(); len(names) > 0 {
		t.Errorf("got %v, want nothing", names)
	}

	store(t, c, "123", dir, 0, cache.TerminalOutput{})
	etag := mustGet(t, blobs).ETag
	to := cachetest.TempDir(t)
	reader := newCache(t, blobs)
	if hit, err := reader.Retrieve(t.Context(), "123", to, declared...); hit != nil || !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %+v, %v; want %v", hit, err, cache.ErrNotFound)
	}
	if got := reader.Summary(); got.Misses != 1 || got.Damaged != 0 || got.Failed != 0 {
		t.Errorf("got %+v, want one miss", got)
	}
	checkNothingAside(t, to)
	if stored, _, err := cachetest.Store(t.Context(), reader, "123", dir, 0, cache.TerminalOutput{}); err != nil || stored.Outcome != cache.OutcomeExists {
		t.Errorf("got %+v, %v; want that the entry exists", stored, err)
	}
	if got := mustGet(t, blobs).ETag; got != etag {
		t.Error("the entry was replaced")
	}
	for _, outputs := range [][]string{nil, {"dist"}, {"dist/*"}} {
		if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", cachetest.TempDir(t), outputs...); err != nil {
			t.Errorf("%v: got %v, want a hit", outputs, err)
		}
	}
}

func mustGet(t *testing.T, blobs *cachetest.Memory) *cache.Blob {
	t.Helper()
	blob, err := blobs.Get(t.Context(), blobs.Names()[0])
	if err != nil {
		t.Fatal(err)
	}
	return blob
}
