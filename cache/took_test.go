package cache_test

import (
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// A hit knows for how long its task ran, and the summary adds these times up.
func TestTook(t *testing.T) {
	blobs, dir := new(cachetest.Memory), cachetest.TempDir(t)
	c := newCache(t, blobs)
	for hash, took := range map[string]*int64{"1": new(int64(61_000)), "2": new(int64(0)), "3": nil} {
		outputs(t, dir, hash, map[string]string{"a": hash})
		result := cachetest.Result(hash, dir, 0, cache.TerminalOutput{})
		result.Took = took
		done := make(chan cache.Stored, 1)
		if reason, err := c.Store(t.Context(), result, func(stored cache.Stored) { done <- stored }); reason != "" || err != nil {
			t.Fatal(reason, err)
		}
		stored := <-done
		hit, err := c.Retrieve(t.Context(), hash, dir)
		if err != nil {
			t.Fatal(err)
		}
		if (hit.Took == nil) != (took == nil) || took != nil && *hit.Took != *took {
			t.Errorf("%s: got %v, want %v", hash, hit.Took, took)
		}
		if hit.Scope != "shared" || hit.Bytes != stored.Bytes || hit.Bytes == 0 {
			t.Errorf("%s: got %d bytes in %q, want %d in shared", hash, hit.Bytes, hit.Scope, stored.Bytes)
		}
	}
	if got := c.Summary(); got.Saved != 61_000 || got.Hits != 3 {
		t.Errorf("got %+v, want 61000 saved", got)
	}
}

// What an entry claims is foreign: a reader uses plausible numbers only.
func TestTookIsAClaim(t *testing.T) {
	const week = 7 * 24 * 60 * 60 * 1000
	for claim, want := range map[string]int64{
		"0": 0, "1": 1, "604800000": week, "007": 7,
		"": -1, "604800001": -1, "-1": -1, "+1": -1, "1.5": -1, "1e3": -1, " 1": -1, "0x10": -1, "1_000": -1,
		"99999999999999999999": -1, "٣": -1, "5 minutes": -1,
	} {
		got := cache.Entry{Metadata: cache.Metadata{"took": claim}}.Took()
		if got == nil && want != -1 || got != nil && *got != want {
			t.Errorf("%q: got %v, want %d", claim, got, want)
		}
	}
	blobs := stored(t, "1")
	blobs.Alter(blobName("1"), func(b *cachetest.Blob) { b.Metadata["took"] = "soon" })
	c := newCache(t, blobs)
	hit, err := c.Retrieve(t.Context(), "1", cachetest.TempDir(t))
	if err != nil || hit.Took != nil || c.Summary().Saved != 0 {
		t.Errorf("got %+v, %v; want a hit that does not tell", hit, err)
	}
}
