package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// A result is not stored while another run in the same cache directory is making it.
func TestResultThatAnotherRunIsMaking(t *testing.T) {
	for name, test := range map[string]struct {
		notes   string
		isOwn   bool // whether this run has written the notes
		isEnded bool // whether the other run is over
		isMade  bool // whether the other run is making it
	}{
		"no note":                                 {"", false, false, false},
		"the other run begins it":                 {"+123\n", false, false, true},
		"the other run begins it, among others":   {"+1\n+123\n-1\n+2\n", false, false, true},
		"the other run has it":                    {"+123\n-123\n", false, false, false},
		"the other run has it, and begins again":  {"+123\n-123\n+123\n", false, false, true},
		"the other run makes others":              {"+1234\n+0123\n+12\n", false, false, false},
		"the note is of this run":                 {"+123\n", true, false, false},
		"the other run is over":                   {"+123\n", false, true, false},
		"a line is incomplete":                    {"+123\n-12", false, false, true},
		"the line is incomplete":                  {"+12", false, false, false},
		"another program has written to the file": {"\x00\n\n123\n", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
			other := cache.New(cachetest.Shared(blobs, cache.ReadWrite))
			c := newCache(t, blobs)
			for _, run := range []*cache.Cache{other, c} { // each creates its folder
				if _, err := run.Retrieve(t.Context(), "1", dir); !errors.Is(err, cache.ErrNotFound) {
					t.Fatal(err)
				}
			}
			writes := other
			if test.isOwn {
				writes = c
			}
			if err := os.WriteFile(filepath.Join(scratch.FolderPath(dir, writes.Session()), "pending"), []byte(test.notes), 0o600); err != nil {
				t.Fatal(err)
			}
			if test.isEnded {
				other.Close(context.Background())
			} else {
				t.Cleanup(func() { other.Close(context.Background()) })
			}
			handOver(t, dir, "123")
			stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
			if errors.Is(err, cache.ErrSkipped) != test.isMade || reason != "" {
				t.Errorf("got %q, %v; want it skipped: %t", reason, err, test.isMade)
			}
			if !test.isMade && stored.Outcome != cache.OutcomeStored {
				t.Errorf("got %+v, want it stored", stored)
			}
		})
	}
}

// A run that is over makes nothing, even while it still stores its results.
func TestNothingIsPendingAfterTheRun(t *testing.T) {
	dir, blobs := cachetest.TempDir(t), newGatedPuts()
	other := cache.New(cachetest.Shared(blobs, cache.ReadWrite))
	outputs(t, dir, "1", map[string]string{"a": "1"})
	accept(t, other, "1", dir, cache.TerminalOutput{})
	<-blobs.arrived
	notes := filepath.Join(scratch.FolderPath(dir, other.Session()), "pending")
	if err := os.WriteFile(notes, []byte("+123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { other.Close(context.Background()); close(closed) }()
	for exists(t, notes) {
		select {
		case <-closed:
			t.Fatal("Close does not wait for the uploads")
		default:
		}
	}
	c := newCache(t, new(cachetest.Memory))
	handOver(t, dir, "123")
	store(t, c, "123", dir, 0, cache.TerminalOutput{})
	close(blobs.gate)
	<-closed
}

// A run that ends in the middle of a task may have deleted what another run has built.
func TestResultThatAnotherRunHasDisturbed(t *testing.T) {
	for name, test := range map[string]struct {
		notes, before, after string // of the other run; of the run that stores, before and after its end
		isMade               bool
	}{
		"the other run was interrupted": {"+123\n", "+123\n", "-123\n", true},
		"among other results":           {"+1\n+123\n-1\n", "+9\n+123\n", "-9\n-123\n", true},
		"just before this run stores":   {"+123\n", "+123\n-123\n", "", true},
		"the other run has it":          {"+123\n-123\n", "+123\n", "-123\n", false},
		"the other run made others":     {"+1234\n", "+123\n", "-123\n", false},
		"this run begins after it":      {"+123\n", "+9\n", "+123\n-123\n", false},
		"this run begins again":         {"+123\n", "+123\n", "-123\n+123\n-123\n", false},
		"the other run was disturbed":   {"+123\n~123\n-123\n", "+123\n", "-123\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
			other, c := cache.New(cachetest.Shared(blobs, cache.ReadWrite)), newCache(t, blobs)
			for _, run := range []*cache.Cache{other, c} { // each creates its folder
				_, _ = run.Retrieve(t.Context(), "1", dir)
			}
			note(t, dir, other.Session(), test.notes)
			note(t, dir, c.Session(), test.before)
			other.Close(context.Background())
			note(t, dir, c.Session(), test.after)
			handOver(t, dir, "123")
			_, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
			if errors.Is(err, cache.ErrSkipped) != test.isMade || reason != "" {
				t.Errorf("got %q, %v; want it skipped: %t", reason, err, test.isMade)
			}
		})
	}
}

// note appends to the file "pending" of a session.
func note(t *testing.T, dir, session, notes string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(scratch.FolderPath(dir, session), "pending"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(notes)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A killed process passes nothing on. Its notes stay until its folder is removed.
func TestResultThatAKilledRunHasDisturbed(t *testing.T) {
	for name, isSwept := range map[string]bool{"its folder exists": false, "a third process has removed it": true} {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
			c := newCache(t, blobs)
			_, _ = c.Retrieve(t.Context(), "1", dir) // which makes its folder
			killed := startSweptHolder(t, dir)
			for _, session := range []string{killed.session, c.Session()} {
				note(t, dir, session, "+123\n+4\n-4\n")
			}
			_ = killed.Process.Kill()
			_ = killed.Wait() // by a signal
			if isSwept {
				visit(t, dir)
			}
			note(t, dir, c.Session(), "-123\n")
			for hash, isMade := range map[string]bool{"123": true, "4": false} {
				handOver(t, dir, hash)
				_, reason, err := cachetest.Store(t.Context(), c, hash, dir, 0, cache.TerminalOutput{})
				if errors.Is(err, cache.ErrSkipped) != isMade || reason != "" {
					t.Errorf("%s: got %q, %v; want it skipped: %t", hash, reason, err, isMade)
				}
			}
			later := newCache(t, blobs)
			visit(t, dir)
			handOver(t, dir, "123")
			store(t, later, "123", dir, 0, cache.TerminalOutput{})
		})
	}
}

// Anything else named "pending" is not read, and causes no delay.
func TestOddPending(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":   func(path string) error { return os.Symlink("elsewhere", path) },
		"a FIFO":   fifo,
	} {
		t.Run(name, func(t *testing.T) {
			dir, blobs := cachetest.TempDir(t), new(cachetest.Memory)
			other, c := newCache(t, blobs), newCache(t, blobs)
			_, _ = other.Retrieve(t.Context(), "1", dir)
			folder := scratch.FolderPath(dir, other.Session())
			if err := os.WriteFile(filepath.Join(folder, "elsewhere"), []byte("+123\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := plant(filepath.Join(folder, "pending")); errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			handOver(t, dir, "123")
			store(t, c, "123", dir, 0, cache.TerminalOutput{})
		})
	}
}
