package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// two returns two caches, which act as two processes with one cache directory.
func two(t *testing.T, blobs cache.Blobs) [2]*cache.Cache {
	return [2]*cache.Cache{newCache(t, blobs), newCache(t, blobs)}
}

func TestManyRetrievesOfDifferentHashes(t *testing.T) {
	var hashes []string
	for i := range 100 {
		hashes = append(hashes, fmt.Sprint(1000+i))
	}
	blobs := stored(t, hashes...)
	dir := cachetest.TempDir(t)
	var wg sync.WaitGroup
	for _, c := range two(t, blobs) {
		for _, hash := range hashes {
			wg.Go(func() {
				if hit, err := c.Retrieve(t.Context(), hash, dir); err != nil || hit.TerminalOutput.Text != "output of "+hash {
					t.Errorf("got %+v, %v; want the output of %s", hit, err, hash)
				}
			})
		}
	}
	wg.Wait()
	for _, hash := range hashes {
		checkResult(t, dir, hash)
	}
	checkNothingAside(t, dir)
}

func TestManyRetrievesOfOneHash(t *testing.T) {
	blobs := stored(t, "123")
	for _, before := range []string{"nothing", "a folder"} {
		t.Run("over "+before, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			if before != "nothing" {
				outputs(t, dir, "123", map[string]string{"old": "old"})
			}
			var wg sync.WaitGroup
			for _, c := range two(t, blobs) {
				for range 100 {
					wg.Go(func() {
						if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			checkResult(t, dir, "123")
			if exists(t, dir, "123", "old") {
				t.Error("the existing result is still there")
			}
			checkNothingAside(t, dir)
		})
	}
}

func TestManyStoresOfOneHash(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "result of 123", "b/noise": cachetest.Noise(1, 100_000)})
	blobs := new(cachetest.Memory)
	var firsts atomic.Int64
	var wg sync.WaitGroup
	for _, c := range two(t, blobs) {
		for range 20 {
			wg.Go(func() {
				stored, _, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
				if stored.Outcome == cache.OutcomeStored {
					firsts.Add(1)
				} else if stored.Outcome != cache.OutcomeExists || err != nil {
					t.Errorf("got %+v, %v; want %q or %q", stored, err, cache.OutcomeStored, cache.OutcomeExists)
				}
			})
		}
	}
	wg.Wait()
	if got := firsts.Load(); got != 1 {
		t.Errorf("%d stored it first, want 1", got)
	}
	checkNothingAside(t, dir)
}

// gauge counts concurrent operations, and blocks them until it is opened.
type gauge struct {
	now    atomic.Int64
	opened chan struct{}
}

func newGauge() *gauge { return &gauge{opened: make(chan struct{})} }

func (g *gauge) enter() {
	g.now.Add(1)
	<-g.opened
}

func (g *gauge) leave() { g.now.Add(-1) }

// gauged is a body that counts while it is open.
type gauged struct {
	io.ReadCloser
	once  sync.Once
	leave func()
}

func (g *gauged) Close() error {
	g.once.Do(g.leave)
	return g.ReadCloser.Close()
}

// Nx 24 requests a whole batch in one tick.
func TestRetrievesAtOnce(t *testing.T) {
	const want = 64
	m := stored(t, "123")
	dir := cachetest.TempDir(t)
	synctest.Test(t, func(t *testing.T) {
		g := newGauge()
		var most atomic.Int64 // bodies open at once, after the gauge is opened
		c := newCache(t, blobsFunc{Memory: m, get: func(ctx context.Context, name string) (*cache.Blob, error) {
			g.enter()
			if now := g.now.Load(); now > most.Load() {
				most.Store(now)
			}
			b, err := m.Get(ctx, name)
			if err == nil {
				b.Body = &gauged{ReadCloser: b.Body, leave: g.leave}
			}
			return b, err
		}})
		var wg sync.WaitGroup
		for i := range 2 * want {
			wg.Go(func() {
				if _, err := c.Retrieve(t.Context(), "123", filepath.Join(dir, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all of them wait, for the gauge or for a slot
		if got := g.now.Load(); got != want {
			t.Errorf("got %d gets at once, want %d", got, want)
		}

		// A request that waits for a slot returns when it is cancelled.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Retrieve(ctx, "123", dir); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}

		close(g.opened)
		wg.Wait()
		if got := most.Load(); got > want {
			t.Errorf("got %d bodies open at once, want at most %d", got, want)
		}
		if got := g.now.Load(); got != 0 {
			t.Errorf("got %d bodies that are not closed", got)
		}
	})
}

func TestStoresAtOnce(t *testing.T) {
	const want, results = 4, 40
	dir := cachetest.TempDir(t)
	for i := range results {
		outputs(t, dir, fmt.Sprint(i), map[string]string{"a": fmt.Sprint(i)})
	}
	synctest.Test(t, func(t *testing.T) {
		m := new(cachetest.Memory)
		g := newGauge()
		c := newCache(t, blobsFunc{Memory: m, put: func(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
			g.enter()
			defer g.leave()
			return m.Put(ctx, name, body, metadata)
		}})
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				if _, _, err := cachetest.Store(t.Context(), c, fmt.Sprint(i), dir, 0, cache.TerminalOutput{}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := g.now.Load(); got != want {
			t.Errorf("got %d puts at once, want %d", got, want)
		}
		close(g.opened)
		wg.Wait()
		if got := len(m.Names()); got != results {
			t.Errorf("got %d results, want %d", got, results)
		}
	})
}

func TestCancelWhileReading(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "local"})
	ctx, cancel := context.WithCancel(t.Context())
	c := newCache(t, breaking(stored(t, "123"), func(half, rest io.Reader) io.Reader {
		return io.MultiReader(half, readerFunc(func(p []byte) (int, error) {
			cancel()
			return rest.Read(p)
		}))
	}))
	if _, err := c.Retrieve(ctx, "123", dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if exists(t, dir, "123", "b") || !exists(t, dir, "123", "a") {
		t.Errorf("got %v, want an unchanged cache directory", tree(t, dir))
	}
	checkNothingAside(t, dir)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
