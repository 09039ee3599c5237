package rpc_test

import (
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// The server publishes a state before its first response. Without a state,
// `nx-azure-cache drain` cannot know that nothing is left.
func TestStateIsPublishedBeforeTheResponse(t *testing.T) {
	served := newCache(new(cachetest.Memory))
	c := start(t, session(rpc.Session{Cache: served, Mode: cache.ReadWrite}))
	c.initialize()
	dir := newResult(t, "1", "hello")
	state := func() rpc.State {
		t.Helper()
		state, err := readState(t, scratch.FolderPath(dir, served.Session()))
		if err != nil {
			t.Fatal(err)
		}
		return state
	}

	c.call("retrieve", retrieveParams("1", dir), nil)
	if got := state(); got.Summary.Misses != 1 || got.Waiting != 0 || got.ProcessID <= 0 {
		t.Errorf("after a miss: got %+v", got)
	}
	c.call("store", storeParams("1", dir), nil)
	if got := state(); int64(got.Waiting)+got.Summary.Stored != 1 {
		t.Errorf("after a store: got %+v, want one waiting or stored", got)
	}
	c.call("retrieve", retrieveParams("404", dir), nil)
	if got := state(); got.Summary.Misses != 2 {
		t.Errorf("after another miss: got %+v", got)
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
}
