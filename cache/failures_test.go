package cache_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// withoutFailures returns a cache with default settings, which stores no failures.
func withoutFailures(t *testing.T, blobs cache.Blobs) *cache.Cache {
	options := cachetest.Shared(blobs, cache.ReadWrite)
	options.CacheFailures = false
	return closing(t, cache.New(options))
}

// attempt stores a result with an exit code.
func attempt(t *testing.T, c *cache.Cache, dir string, code int) cache.Outcome {
	t.Helper()
	outputs(t, dir, "123", map[string]string{"a": "result of 123"})
	stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, code, cache.TerminalOutput{})
	if reason != "" || err != nil {
		t.Fatalf("got %q, %v", reason, err)
	}
	return stored.Outcome
}

// stays checks the exit code of the stored result.
func stays(t *testing.T, blobs cache.Blobs, code int) {
	t.Helper()
	hit, err := newCache(t, blobs).Retrieve(t.Context(), "123", cachetest.TempDir(t))
	if err != nil || hit.Code != code {
		t.Errorf("got %+v, %v; want a hit with exit code %d", hit, err, code)
	}
}

// failed returns blobs with the result of a task that has failed.
func failed(t *testing.T) *cachetest.Memory {
	blobs := new(cachetest.Memory)
	if got := attempt(t, newCache(t, blobs), cachetest.TempDir(t), 1); got != cache.OutcomeStored {
		t.Fatal(got)
	}
	return blobs
}

func TestFailuresAreNotStored(t *testing.T) {
	dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
	c := withoutFailures(t, blobs)
	outputs(t, dir, "123", map[string]string{"a": "half"})
	for _, code := range []int{1, 130, -1} {
		_, reason, err := cachetest.Store(t.Context(), c, "123", dir, code, cache.TerminalOutput{})
		if reason != "" || !errors.Is(err, cache.ErrSkipped) {
			t.Errorf("exit code %d: got %q, %v; want it skipped", code, reason, err)
		}
	}
	if got := blobs.Names(); len(got) > 0 || c.Summary() != (cache.Summary{}) {
		t.Errorf("stored %v, %+v", got, c.Summary())
	}
}

// A stored failure is a miss, and the run replaces it with its success.
func TestStoredFailureIsReplaced(t *testing.T) {
	dir, blobs := cachetest.TempDir(t), failed(t)
	c := withoutFailures(t, blobs)
	if hit, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("got %+v, %v; want a miss", hit, err)
	}
	if exists(t, dir, "123") || c.Summary() != (cache.Summary{Misses: 1}) {
		t.Errorf("got %+v, and files: %t", c.Summary(), exists(t, dir, "123"))
	}
	checkNothingAside(t, dir)
	if got := attempt(t, c, dir, 0); got != cache.OutcomeStored {
		t.Errorf("got %q", got)
	}
	stays(t, blobs, 0)
}

// If failures are not stored, an existing entry does not cost a request.
func TestExistingResultIsNotRead(t *testing.T) {
	blobs := failed(t)
	if got := attempt(t, withoutFailures(t, blobs), cachetest.TempDir(t), 0); got != cache.OutcomeExists {
		t.Errorf("got %q", got)
	}
	if got := blobs.Gets(); got != 0 {
		t.Errorf("got %d reads, want none", got)
	}
}

func TestAllowedFailures(t *testing.T) {
	t.Run("a failure is a hit, which a success replaces", func(t *testing.T) {
		dir, blobs := cachetest.TempDir(t), failed(t)
		c := newCache(t, blobs)
		if hit, err := c.Retrieve(t.Context(), "123", dir); err != nil || hit.Code != 1 {
			t.Fatalf("got %+v, %v", hit, err)
		}
		if got := attempt(t, c, dir, 1); got != cache.OutcomeExists {
			t.Errorf("another failure: got %q", got)
		}
		if got := attempt(t, c, dir, 0); got != cache.OutcomeStored {
			t.Errorf("a success: got %q", got)
		}
		stays(t, blobs, 0)
	})
	t.Run("a success replaces one that another machine has stored meanwhile", func(t *testing.T) {
		blobs := failed(t)
		if got := attempt(t, newCache(t, blobs), cachetest.TempDir(t), 0); got != cache.OutcomeStored {
			t.Errorf("got %q", got)
		}
		stays(t, blobs, 0)
	})
	t.Run("a failure replaces no success", func(t *testing.T) {
		dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
		attempt(t, newCache(t, blobs), dir, 0)
		if got := attempt(t, newCache(t, blobs), dir, 1); got != cache.OutcomeExists {
			t.Errorf("got %q", got)
		}
		stays(t, blobs, 0)
	})
	t.Run("nor one that has replaced the failure meanwhile", func(t *testing.T) {
		dir, blobs := cachetest.TempDir(t), failed(t)
		c := newCache(t, blobs)
		if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
			t.Fatal(err)
		}
		attempt(t, newCache(t, blobs), cachetest.TempDir(t), 0)
		if got := attempt(t, c, dir, 1); got != cache.OutcomeExists {
			t.Errorf("got %q", got)
		}
		stays(t, blobs, 0)
	})
}

// An identity that may only add blobs does not replace a failure.
func TestFailureStaysForAnIdentityThatOnlyAdds(t *testing.T) {
	blobs := failed(t)
	adds := blobsFunc{Memory: blobs, replace: func(context.Context, string, string, io.ReadSeeker, cache.Metadata) error {
		return cache.ErrExists
	}}
	for name, c := range map[string]*cache.Cache{"allowed": newCache(t, adds), "not allowed": withoutFailures(t, adds)} {
		dir := cachetest.TempDir(t)
		_, _ = c.Retrieve(t.Context(), "123", dir)
		if got := attempt(t, c, dir, 0); got != cache.OutcomeExists {
			t.Errorf("%s: got %q", name, got)
		}
	}
	stays(t, blobs, 1)
}

// A failure in one scope does not hide a success in another.
func TestFailureDoesNotHideSuccess(t *testing.T) {
	blobs := new(cachetest.Memory)
	main := as(blobs, trust.Trusted)
	main.CacheFailures = true
	dir := cachetest.TempDir(t)
	attempt(t, closing(t, cache.New(main)), dir, 1)
	own := as(blobs, "pr-7")
	storeAs(t, own, "123", "of the pull request")
	if got, err := retrieveAs(t, own, "123"); err != nil || got != "of the pull request" {
		t.Errorf("got %q, %v", got, err)
	}
}
