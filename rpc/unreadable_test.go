package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
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

// In the record, the entry is not damaged: Totals count a miss.
func TestRecordOfUnreadableEntry(t *testing.T) {
	k, dir := startKeeping(t, new(unreadable), time.Minute, succeeds), t.TempDir()
	k.call("retrieve", retrieveParams("1", dir), nil)
	k.handOver(dir, oneTask)
	record := <-k.kept
	if task := record.Tasks[0]; task.Lookup != runs.LookupUnreadable || task.Diagnostic != "NXAC084" || !strings.Contains(task.Reason, "archive tier") {
		t.Errorf("got %+v", task)
	}
	if record.Totals.Misses != 1 || record.Totals.Damaged != 0 {
		t.Errorf("got %+v", record.Totals)
	}
}
