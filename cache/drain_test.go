package cache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestDrain(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	outputs(t, dir, "124", map[string]string{"a": "1"})
	synctest.Test(t, func(t *testing.T) {
		blobs := newGatedPuts()
		c := newCache(t, blobs)
		if err := c.Drain(t.Context()); err != nil {
			t.Errorf("without entries: %v", err)
		}
		reported := make(chan struct{})
		for _, hash := range []string{"123", "124"} {
			reason, err := c.Store(t.Context(), cachetest.Result(hash, dir, 0, cache.TerminalOutput{}), func(cache.Stored) { <-reported })
			if reason != "" || err != nil {
				t.Fatal(reason, err)
			}
		}
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		if err := c.Drain(limited); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("got %v after %s, want %v after a minute", err, time.Since(begin), context.DeadlineExceeded)
		}
		close(blobs.gate)
		drained := make(chan error, 1)
		go func() { drained <- c.Drain(t.Context()) }()
		synctest.Wait()
		select {
		case <-drained:
			t.Error("Drain returned before all outcomes were reported")
		default:
		}
		close(reported)
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWaits(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	blobs := newGatedPuts()
	c := newCache(t, blobs)
	done := accept(t, c, "123", dir, cache.TerminalOutput{})
	<-blobs.arrived
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.Close(t.Context())
	}()
	select {
	case <-closed:
		t.Error("Close returned before the result was stored")
	case <-time.After(50 * time.Millisecond): // a Close that does not wait returns much sooner
	}
	close(blobs.gate)
	if got := <-done; got.Outcome != cache.OutcomeStored {
		t.Errorf("got %+v, want it stored", got)
	}
	<-closed
	if exists(t, dir, ".nx-azure-cache") {
		t.Error("files are left")
	}
}

// Close stops all uploads, running or waiting, and reports their outcomes.
func TestCloseStopsUploads(t *testing.T) {
	const many = 20
	dir := cachetest.TempDir(t)
	blobs := newGatedPuts()
	c := newCache(t, blobs)
	var all []<-chan cache.Stored
	for i := range many {
		hash := fmt.Sprint(i)
		outputs(t, dir, hash, map[string]string{"a": cachetest.Noise(1, 2<<20)})
		all = append(all, accept(t, c, hash, dir, cache.TerminalOutput{Text: strings.Repeat("x", 10_000)}))
	}
	<-blobs.arrived
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Close(ended)
	for _, done := range all {
		select {
		case got := <-done:
			if got.Outcome != cache.OutcomeFailed || !errors.Is(got.Err, context.Canceled) || !strings.Contains(got.Err.Error(), "stopped at the end of the session") {
				t.Errorf("got %+v, want it stopped", got)
			}
		default:
			t.Error("Close returned before the outcome of a result was reported")
		}
	}
	if got := len(blobs.Names()); got != 0 {
		t.Errorf("got %d results stored, want none", got)
	}
	if exists(t, dir, ".nx-azure-cache") {
		t.Error("files are left")
	}
}

// During `rm -rf` of a result, the cache stores the whole tree or nothing.
func TestResultThatIsRemovedDuringPacking(t *testing.T) {
	const folders, files = 20, 10
	whole := make(map[string]string)
	for i := range folders {
		for j := range files {
			whole[fmt.Sprintf("%d/%d", i, j)] = cachetest.Noise(uint64(i), 2000)
		}
	}
	outcomes := make(map[cache.Outcome]int)
	const tries, most = 20, 200
	var longest time.Duration // that storing took
	for i := 0; i < tries || i < most && outcomes[cache.OutcomeChanged] == 0; i++ {
		dir := t.TempDir()
		outputs(t, dir, "123", whole)
		want := tree(t, filepath.Join(dir, "123"))
		blobs := new(cachetest.Memory)
		c := newCache(t, blobs)
		begin := time.Now()
		done := accept(t, c, "123", dir, cache.TerminalOutput{})
		var stored cache.Stored
		if i < 3 { // no process removes the result
			stored = <-done
			longest = max(longest, time.Since(begin))
		} else {
			time.Sleep(longest * time.Duration(i%tries) / tries)
			if err := os.RemoveAll(filepath.Join(dir, "123")); err != nil {
				t.Fatal(err)
			}
			stored = <-done
		}
		outcomes[stored.Outcome]++
		switch stored.Outcome {
		case cache.OutcomeStored:
			other := t.TempDir()
			if _, err := c.Retrieve(t.Context(), "123", other); err != nil {
				t.Fatal(err)
			}
			if got := tree(t, filepath.Join(other, "123")); !maps.Equal(got, want) {
				t.Fatalf("got a result of %d entries, want %d or none", len(got), len(want))
			}
		case cache.OutcomeChanged, cache.OutcomeEvicted:
			if !errors.Is(stored.Err, archive.ErrChanged) || len(blobs.Names()) > 0 {
				t.Errorf("got %+v and %v, want %v and nothing stored", stored, blobs.Names(), archive.ErrChanged)
			}
		default:
			t.Errorf("got %+v, want it stored or changed", stored)
		}
		c.Close(t.Context())
	}
	if outcomes[cache.OutcomeChanged]+outcomes[cache.OutcomeEvicted] == 0 {
		t.Errorf("got %v, want some that were removed in time: the test tested nothing", outcomes)
	}
}

// If a file changes right after the result is accepted, the cache stores no mixture.
func TestResultThatChangesAtOnce(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"a file is removed":   func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"a file is rewritten": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("2"), 0o600) },
		"a file is added":     func(dir string) error { return os.WriteFile(filepath.Join(dir, "b"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 { // each at another moment of the file system's clock
				dir := t.TempDir()
				outputs(t, dir, "123", map[string]string{"a": "1"})
				blobs := newGatedPuts()
				c := newCache(t, blobs)
				// All slots are taken, so the result is not packed before it changes.
				for range 4 {
					accept(t, c, "123", dir, cache.TerminalOutput{})
				}
				for range 4 {
					<-blobs.arrived
				}
				done := accept(t, c, "123", dir, cache.TerminalOutput{})
				if err := change(filepath.Join(dir, "123")); err != nil {
					t.Fatal(err)
				}
				close(blobs.gate)
				if got := <-done; got.Outcome != cache.OutcomeChanged {
					t.Fatalf("got %+v, want %q", got, cache.OutcomeChanged)
				}
				c.Close(t.Context())
			}
		})
	}
}
