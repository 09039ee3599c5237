package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// large is the size of an entry that may have to wait for others.
const large = 1 << 20

// storedLarge returns blobs with large results.
func storedLarge(t *testing.T, hashes ...string) *cachetest.Memory {
	t.Helper()
	m := new(cachetest.Memory)
	c, dir := newCache(t, m), cachetest.TempDir(t)
	for i, hash := range hashes {
		outputs(t, dir, hash, map[string]string{"noise": cachetest.Noise(uint64(i), large)})
		if stored, _, err := cachetest.Store(t.Context(), c, hash, dir, 0, cache.TerminalOutput{}); err != nil || stored.Bytes < large {
			t.Fatalf("got %+v, %v; want a large entry", stored, err)
		}
	}
	return m
}

// held returns bodies that block until they are released.
type held struct {
	*cachetest.Memory
	reading  chan string // names of bodies that are being read
	released chan struct{}
	got      func() // if not nil, called for each blob that exists
}

func (h *held) Get(ctx context.Context, name string) (*cache.Blob, error) {
	b, err := h.Memory.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if h.got != nil {
		h.got()
	}
	body := b.Body
	begin := sync.OnceFunc(func() { h.reading <- name })
	b.Body = struct {
		io.Reader
		io.Closer
	}{readerFunc(func(p []byte) (int, error) {
		begin()
		select {
		case <-h.released:
			return body.Read(p)
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}), body}
	return b, nil
}

// several routes names to one of two Blobs.
type several struct {
	*held
	small *cachetest.Memory
}

func (s several) Get(ctx context.Context, name string) (*cache.Blob, error) {
	if b, err := s.small.Get(ctx, name); err == nil {
		return b, nil
	}
	return s.held.Get(ctx, name)
}

// Small results do not wait for a batch of large ones, whatever the order of Nx's
// requests.
func TestSmallResultsPassLargeOnes(t *testing.T) {
	const atOnce = 2
	var larges, smalls []string
	for i := range 75 { // more than may be requested at once
		larges = append(larges, fmt.Sprint(1000+i))
	}
	for i := range 10 {
		smalls = append(smalls, fmt.Sprint(2000+i))
	}
	h := &held{Memory: storedLarge(t, larges...), reading: make(chan string, len(larges)), released: make(chan struct{})}
	c, dir := newCache(t, several{h, stored(t, smalls...)}), cachetest.TempDir(t)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	retrieve := func(hash string) {
		if _, err := c.Retrieve(ctx, hash, dir); err != nil {
			t.Error(err)
		}
	}
	var waiting sync.WaitGroup
	for _, hash := range larges {
		waiting.Go(func() { retrieve(hash) })
	}
	for range atOnce {
		<-h.reading // its first byte is held
	}
	for _, hash := range smalls {
		retrieve(hash)
		checkResult(t, dir, hash)
	}
	select {
	case name := <-h.reading:
		t.Errorf("%s is being restored beside %d others", name, atOnce)
	default:
	}
	close(h.released)
	waiting.Wait()
}

// A result keeps its slot until its last place has responded. Otherwise more responses
// than slots could wait for their reader, each on a connection.
func TestAMissInOnePlaceKeepsItsSlot(t *testing.T) {
	const atOnce, all = 64, 75
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		first, last := make(chan struct{}), make(chan struct{})
		blobs := blobsFunc{get: func(_ context.Context, name string) (*cache.Blob, error) {
			if strings.HasPrefix(name, "v1/local/") {
				asked.Add(1)
				<-last
			} else {
				<-first
			}
			return nil, cache.ErrNotFound
		}}
		c, dir := closing(t, cache.New(as(blobs, trust.Local))), cachetest.TempDir(t)
		var waiting sync.WaitGroup
		for i := range all {
			waiting.Go(func() {
				if _, err := c.Retrieve(t.Context(), fmt.Sprint(i), dir); !errors.Is(err, cache.ErrNotFound) {
					t.Errorf("got %v, want a miss", err)
				}
			})
		}
		synctest.Wait() // the others wait for a slot
		close(first)
		synctest.Wait()
		if got := asked.Load(); got != atOnce {
			t.Errorf("got %d results requested at once, want %d", got, atOnce)
		}
		close(last)
		waiting.Wait()
		if got := asked.Load(); got != all {
			t.Errorf("got %d results requested, want %d", got, all)
		}
	})
}

// A large result that waits for a restore stops waiting when it is cancelled, and releases
// only its own slots.
func TestCancelOfALargeResultThatWaits(t *testing.T) {
	h := &held{Memory: storedLarge(t, "1", "2", "3"), reading: make(chan string, 10), released: make(chan struct{})}
	c, dir := newCache(t, h), cachetest.TempDir(t)
	var waiting sync.WaitGroup
	for _, hash := range []string{"1", "2"} {
		waiting.Go(func() {
			if _, err := c.Retrieve(t.Context(), hash, dir); err != nil {
				t.Error(err)
			}
		})
	}
	<-h.reading
	<-h.reading
	for range 100 { // more than there are slots
		ctx, cancel := context.WithCancel(t.Context())
		h.got = cancel
		if _, err := c.Retrieve(ctx, "3", dir); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
	}
	h.got = nil
	close(h.released)
	waiting.Wait()
	if _, err := c.Retrieve(t.Context(), "3", dir); err != nil {
		t.Error(err)
	}
}
