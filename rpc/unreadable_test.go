package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// unreadable is a storage whose blobs exist but cannot be read.
type unreadable struct{ cachetest.Memory }

func (*unreadable) Get(context.Context, string) (*cache.Blob, error) {
	return nil, &cache.UnreadableError{Err: errors.New("entries in the archive tier cannot be read")}
}

// An unreadable entry is a miss, and causes one warning.
func TestUnreadableEntryIsAMiss(t *testing.T) {
	c := startWith(t, new(unreadable))
	for _, hash := range []string{"1", "2", "3"} {
		c.call("retrieve", retrieveParams(hash, t.TempDir()), nil)
	}
	var summary cache.Summary
	c.call("shutdown", nil, &summary)
	if summary.Misses != 3 || summary.Failed != 0 || summary.Damaged != 0 {
		t.Errorf("got %+v, want 3 misses", summary)
	}
	warnings := 0
	for _, message := range parse(t, c.output.bytes()) {
		if message.Method == "log" && strings.Contains(string(message.Params), "in the archive tier") {
			warnings++
		}
	}
	if warnings != 1 {
		t.Errorf("got %d warnings, want one", warnings)
	}
}
