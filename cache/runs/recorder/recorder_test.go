package recorder_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
)

// The memory is bounded: the recorder knows 50,000 hashes, and a megabyte of reasons.
func TestBounds(t *testing.T) {
	r := new(recorder.Recorder)
	reason := strings.Repeat("x", 600)
	for i := range 50_010 {
		r.Reject(strconv.Itoa(i+1), problem(reason))
	}
	of := func(i int) runs.Task {
		return recordOf(t, r, recorder.Task{ID: "a:build", Hash: strconv.Itoa(i), Status: "success"}, cache.ReadWrite)
	}
	if got := of(1); len(got.Reason) > 512+3 || !strings.HasPrefix(got.Reason, "xxx") {
		t.Errorf("got a reason of %d bytes", len(got.Reason))
	}
	if got := of(50_000); got.Reason != "" || got.Diagnostic != "NXAC042" {
		t.Errorf("got %+v, want only the code", got)
	}
	if got := of(50_001); got.Reason != "Nx did not hand over the result" {
		t.Errorf("got %+v, want nothing known", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	r := new(recorder.Recorder)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 100 {
				hash := fmt.Sprint(j)
				switch i % 4 {
				case 0:
					r.Miss(hash, runs.LookupFailed, problem("x"))
				case 1:
					r.Accept(hash)
				case 2:
					r.Store(cache.Stored{Hash: hash, Outcome: cache.OutcomeStored, Bytes: 1}, recorder.Problem{})
				default:
					r.Record(&recorder.HandOver{Tasks: []recorder.Task{{ID: "a", Hash: hash, Status: "success"}}}, runs.Record{})
				}
			}
		})
	}
	group.Wait()
	if got := recordOf(t, r, recorder.Task{ID: "a", Hash: "1", Status: "success"}, cache.ReadWrite); got.Outcome != runs.Stored {
		t.Errorf("got %+v", got)
	}
}
