package cache_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// accept hands over a result and returns before it is stored.
func accept(t *testing.T, c *cache.Cache, hash, cacheDirectory string, output cache.TerminalOutput) <-chan cache.Stored {
	t.Helper()
	done := make(chan cache.Stored, 1)
	reason, err := c.Store(t.Context(), cachetest.Result(hash, cacheDirectory, 0, output), func(s cache.Stored) { done <- s })
	if reason != "" || err != nil {
		t.Fatalf("store %s: got %q, %v; want it accepted", hash, reason, err)
	}
	return done
}

// gatedPuts blocks puts until the gate is opened or their context ends.
type gatedPuts struct {
	blobsFunc
	arrived chan string
	gate    chan struct{}
}

func newGatedPuts() *gatedPuts {
	g := &gatedPuts{arrived: make(chan string, 10_000), gate: make(chan struct{})}
	m := new(cachetest.Memory)
	g.blobsFunc = blobsFunc{Memory: m, put: func(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
		g.arrived <- name
		select {
		case <-g.gate:
			return m.Put(ctx, name, body, metadata)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	return g
}

// Store does not wait for the storage, whatever the size. Cancelling its context later
// has no effect.
func TestStoreDoesNotWait(t *testing.T) {
	for name, size := range map[string]int{"small": 1, "larger than a spool in memory": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			outputs(t, dir, "123", map[string]string{"a": cachetest.Noise(1, size)})
			blobs := newGatedPuts()
			c := newCache(t, blobs)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan cache.Stored, 1)
			reason, err := c.Store(ctx, cachetest.Result("123", dir, 0, cache.TerminalOutput{}), func(s cache.Stored) { done <- s })
			if reason != "" || err != nil {
				t.Fatalf("got %q, %v; want it accepted", reason, err)
			}
			cancel()
			<-blobs.arrived
			if entries, bytes := c.Waiting(); entries != 1 || bytes < int64(size) {
				t.Errorf("got %d entries and %d bytes waiting, want 1 and the archive", entries, bytes)
			}
			close(blobs.gate)
			stored := <-done
			if stored.Outcome != cache.OutcomeStored || stored.Bytes < int64(size) || stored.Hash != "123" || stored.Err != nil {
				t.Errorf("got %+v, want it stored", stored)
			}
			if entries, bytes := c.Waiting(); entries != 0 || bytes != 0 {
				t.Errorf("got %d entries and %d bytes waiting, want none", entries, bytes)
			}
		})
	}
}

// A terminal output waits in a file, unless it is short.
func TestTerminalOutputThatWaits(t *testing.T) {
	for _, test := range []struct {
		size   int
		asFile bool
	}{{0, false}, {4 << 10, false}, {4<<10 + 1, true}, {1 << 20, true}} {
		t.Run(fmt.Sprint(test.size), func(t *testing.T) {
			dir := cachetest.TempDir(t)
			outputs(t, dir, "123", map[string]string{"a": "1"})
			text := strings.Repeat("é", test.size/2) + strings.Repeat("x", test.size%2)
			blobs := newGatedPuts()
			c := newCache(t, blobs)
			done := accept(t, c, "123", dir, cache.TerminalOutput{Text: text})
			<-blobs.arrived
			files, err := filepath.Glob(filepath.Join(scratch.FolderPath(dir, c.Session()), "*.terminalOutput"))
			if err != nil || (len(files) == 1) != test.asFile {
				t.Errorf("got the files %v, %v; want one: %t", files, err, test.asFile)
			}
			close(blobs.gate)
			<-done
			hit, err := c.Retrieve(t.Context(), "123", dir)
			if err != nil {
				t.Fatal(err)
			}
			got := hit.TerminalOutput.Text
			if hit.TerminalOutput.Path != "" {
				content, err := os.ReadFile(hit.TerminalOutput.Path)
				if err != nil {
					t.Fatal(err)
				}
				got = string(content)
			}
			if got != text {
				t.Errorf("got %d bytes, want the %d stored ones", len(got), len(text))
			}
		})
	}
}

// The cache owns the file only if it accepts the result.
func TestTerminalOutputOfARefusedResult(t *testing.T) {
	for name, test := range map[string]struct {
		mode cache.Mode
		hash string
	}{
		"read-only": {cache.ReadOnly, "123"},
		"no hash":   {cache.ReadWrite, "../123"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			outputs(t, dir, "123", map[string]string{"a": "1"})
			c := closing(t, cache.New(cachetest.Shared(new(cachetest.Memory), test.mode)))
			path := outputFile(t, c, dir, "text")
			_, reason, err := cachetest.Store(t.Context(), c, test.hash, dir, 0, cache.TerminalOutput{Path: path})
			if reason == "" && err == nil {
				t.Error("the result was accepted")
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != "text" {
				t.Errorf("got %q, %v; want the file unchanged", content, err)
			}
		})
	}
}

func TestQueueThatIsFull(t *testing.T) {
	const most = 4096
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	blobs := newGatedPuts()
	c := newCache(t, blobs)
	var ended atomic.Int64
	store := func() (string, error) {
		return c.Store(t.Context(), cachetest.Result("123", dir, 0, cache.TerminalOutput{}), func(cache.Stored) { ended.Add(1) })
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range most / 32 {
				if reason, err := store(); reason != "" || err != nil {
					t.Errorf("got %q, %v; want it accepted", reason, err)
				}
			}
		})
	}
	wg.Wait()
	if entries, _ := c.Waiting(); entries != most {
		t.Errorf("got %d entries waiting, want %d", entries, most)
	}
	if reason, err := store(); !strings.Contains(reason, fmt.Sprint(most, " other results")) || err != nil {
		t.Errorf("got %q, %v; want a reason", reason, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "123")); err != nil { // storing so many would take long
		t.Fatal(err)
	}
	close(blobs.gate)
	if err := c.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ended.Load(); got != most {
		t.Errorf("got %d outcomes, want %d", got, most)
	}
	outputs(t, dir, "123", map[string]string{"a": "1"})
	if reason, err := store(); reason != "" || err != nil {
		t.Errorf("got %q, %v; want the next result accepted", reason, err)
	}
}

// A panic fails one upload and frees its slot.
func TestUploadThatPanics(t *testing.T) {
	const many = 20 // more than there are slots
	dir := cachetest.TempDir(t)
	m := new(cachetest.Memory)
	c := newCache(t, blobsFunc{Memory: m, put: func(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
		if name == blobName("666") {
			panic("oops")
		}
		return m.Put(ctx, name, body, metadata)
	}})
	outputs(t, dir, "666", map[string]string{"a": "1"})
	outputs(t, dir, "123", map[string]string{"a": "1"})
	var panicked []<-chan cache.Stored
	for range many {
		panicked = append(panicked, accept(t, c, "666", dir, cache.TerminalOutput{}))
	}
	if got := <-accept(t, c, "123", dir, cache.TerminalOutput{}); got.Outcome != cache.OutcomeStored {
		t.Errorf("the other result: got %+v", got)
	}
	for _, done := range panicked {
		if got := <-done; got.Outcome != cache.OutcomeFailed || got.Hash != "666" || !strings.Contains(fmt.Sprint(got.Err), "panicked: oops") {
			t.Errorf("got %+v, want it failed because of the panic", got)
		}
	}
	if got := c.Summary(); got.Failed != many || got.Stored != 1 {
		t.Errorf("got %+v, want %d failed and one stored", got, many)
	}
	checkNothingAside(t, dir)
}

// Waiting and Moved change with every byte that is sent or received.
func TestBytesThatMove(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": cachetest.Noise(1, 1000)})
	type look struct{ left, moved int64 }
	looks := make(chan look, 4)
	m := new(cachetest.Memory)
	var c *cache.Cache
	read := func(body io.Reader, n int64) {
		_, _ = io.CopyN(io.Discard, body, n) // the test checks Moved
		_, left := c.Waiting()
		looks <- look{left, c.Moved()}
	}
	var length int64
	c = newCache(t, blobsFunc{Memory: m, put: func(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
		length, _ = body.Seek(0, io.SeekEnd)
		_, _ = body.Seek(0, io.SeekStart)
		read(body, 0)
		read(body, 100)
		read(body, 200)
		_, _ = body.Seek(0, io.SeekStart) // a retry
		read(body, 0)
		return m.Put(ctx, name, body, metadata)
	}})
	stored := <-accept(t, c, "123", dir, cache.TerminalOutput{})
	for _, want := range []look{{length, 0}, {length - 100, 100}, {length - 300, 300}, {length, 300}} {
		if got := <-looks; got != want {
			t.Errorf("got %+v of %d bytes, want %+v", got, length, want)
		}
	}
	if got := c.Moved(); got != length+300 || stored.Bytes != length {
		t.Errorf("got %d bytes moved and %d stored, want %d and %d", got, stored.Bytes, length+300, length)
	}
	if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
		t.Fatal(err)
	}
	if got := c.Moved(); got != 2*length+300 {
		t.Errorf("got %d bytes moved after reading it, want %d", got, 2*length+300)
	}
}
