package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func readState(t *testing.T, folder string) (rpc.State, error) {
	t.Helper()
	v, err := scratch.Visit(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return rpc.ReadState(v.Root())
}

// onlyState returns the state of the only server in a cache directory.
func onlyState(t *testing.T, cacheDirectory string) rpc.State {
	t.Helper()
	states, err := filepath.Glob(filepath.Join(cacheDirectory, ".nx-azure-cache", "*", "state"))
	if err != nil || len(states) != 1 {
		t.Fatalf("got the states %v, %v; want one", states, err)
	}
	for {
		state, err := readState(t, filepath.Dir(states[0]))
		if err == nil {
			return state
		}
		if err.Error() != beingWritten {
			t.Fatal(err)
		}
	}
}

// beingWritten is an error that a reader may see while the state is written. It then
// reads again.
const beingWritten = "the state is being written"

func TestState(t *testing.T) {
	blobs := newGatedPuts()
	c := startWith(t, blobs)
	dir := newResult(t, "1", cachetest.Noise(1, 10_000))
	c.call("store", storeParams("1", dir), nil)
	if got := onlyState(t, dir); got.ProcessID != os.Getpid() || got.Waiting != 1 || got.Summary != (cache.Summary{}) || got.Problems != nil {
		t.Errorf("got %+v, want one waiting entry", got)
	}
	<-blobs.arrived
	for onlyState(t, dir).Bytes == 0 { // it is packed, and the state is published from time to time
		continue
	}
	if got := onlyState(t, dir); got.Bytes < 10_000 || got.Waiting != 1 {
		t.Errorf("got %+v, want the bytes of the archive", got)
	}
	close(blobs.gate)
	<-c.stored
	if got := onlyState(t, dir); got.Waiting != 0 || got.Bytes != 0 || got.Summary.Stored != 1 || got.Problems != nil {
		t.Errorf("got %+v, want one stored entry", got)
	}
}

// The state keeps the first problem of each kind, truncated to fit.
func TestProblemsInTheState(t *testing.T) {
	long := strings.Repeat("\x01<ü\"", 5000)
	failures := map[string]error{
		"1": errors.New("first " + long),
		"2": errors.New("second " + long),
		"3": &cache.ConfigError{Err: errors.New("rights " + long)},
		"4": fmt.Errorf("%w %s", cache.ErrOff, long),
		"5": fmt.Errorf("%w %s", context.Canceled, long),
		"6": nil,
		"7": cache.ErrExists,
	}
	m := new(cachetest.Memory)
	c := startWith(t, hooked{Blobs: m, put: func(_ context.Context, name string) error { return failures[filepath.Base(name)] }})
	dir := t.TempDir()
	for _, hash := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		write(t, filepath.Join(dir, hash, "a"), "hello")
		if hash == "8" {
			if err := os.Symlink("/"+strings.Repeat("x", 2000), filepath.Join(dir, hash, "link")); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.store(storeParams(hash, dir)); len(got.Reason) > 0 && len(got.Reason) < 1000 && hash != "7" {
			t.Errorf("%s: got a reason of %d bytes, want the whole reason in the notification", hash, len(got.Reason))
		}
	}
	var got []string
	for _, problem := range onlyState(t, dir).Problems {
		code := "no code"
		if problem.Code != nil {
			code = fmt.Sprint(*problem.Code)
		}
		got = append(got, fmt.Sprint(problem.Hash, " ", problem.Outcome, " ", code))
		if len(problem.Reason) < 100 || len(problem.Reason) > 1010 || !strings.HasSuffix(problem.Reason, "…") {
			t.Errorf("%s: got a reason of %d bytes, want its beginning", problem.Hash, len(problem.Reason))
		}
	}
	if want := "[1 failed 1 3 failed 2 4 failed 4 5 failed -32800 8 refused no code]"; fmt.Sprint(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A reader sees a complete state while the server writes the next one. Once nothing waits,
// the state has all problems.
func TestStateIsReadWhileItIsWritten(t *testing.T) {
	const rounds = 150
	dir := t.TempDir()
	var mu sync.Mutex
	failing := false
	c := startWith(t, hooked{Blobs: new(cachetest.Memory), put: func(context.Context, string) error {
		mu.Lock()
		defer mu.Unlock()
		if failing {
			return errors.New(strings.Repeat("no route ", 50))
		}
		return nil
	}})
	accepted := int64(0)
	for i := range rounds {
		if i == rounds/2 {
			mu.Lock()
			failing = true
			mu.Unlock()
		}
		hash := fmt.Sprint(i)
		write(t, filepath.Join(dir, hash, "a"), "hello")
		c.call("store", storeParams(hash, dir), nil)
		accepted++
		for {
			states, _ := filepath.Glob(filepath.Join(dir, ".nx-azure-cache", "*")) // the pattern is valid
			state, err := readState(t, states[0])
			if err != nil && err.Error() != beingWritten {
				t.Fatal(err)
			}
			if err != nil || state.Waiting > 0 {
				continue
			}
			if done := state.Summary.Stored + state.Summary.Failed; done != accepted || state.ProcessID != os.Getpid() {
				t.Fatalf("got %+v with nothing waiting, want all %d", state, accepted)
			}
			if (len(state.Problems) > 0) != (state.Summary.Failed > 0) {
				t.Fatalf("got %+v, want the problem", state)
			}
			break
		}
	}
}
