package cache

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

const (
	// maxUploads is how many results are packed or sent at once.
	maxUploads = 4
	// maxPacks is how many of them are packed, which takes up to 40 MiB. A large
	// one is compressed on several cores as it is.
	maxPacks = 1
	// maxAccepts is how many are accepted at once: each has a file for a moment.
	maxAccepts = 64
	// maxWaiting is how many results may wait for it or be in work. Each costs a
	// few kilobytes.
	maxWaiting = 4096
)

// errGivenUp is why an upload ends before its time.
var errGivenUp = fmt.Errorf("given up at the end of the session (%w)", context.Canceled)

// uploads are the results that were accepted and are not stored yet.
type uploads struct {
	ctx     context.Context // ends when they are given up
	cancel  context.CancelCauseFunc
	slots   chan struct{}
	packs   chan struct{}
	accepts chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	waiting map[*upload]struct{} // or in work
	untold  int                  // the same, and those whose end is not told yet
	idle    chan struct{}        // closed while there are none
}

// upload is one of them.
type upload struct {
	ctx  context.Context
	left atomic.Int64 // bytes to send, as far as they are packed
	end  func(tell func())
}

func newUploads() *uploads {
	u := &uploads{
		slots:   make(chan struct{}, maxUploads),
		packs:   make(chan struct{}, maxPacks),
		accepts: make(chan struct{}, descriptors.Share(16, maxAccepts)),
		waiting: make(map[*upload]struct{}),
		idle:    make(chan struct{}),
	}
	u.ctx, u.cancel = context.WithCancelCause(context.Background())
	close(u.idle)
	return u
}

// begin takes a place among the waiting; end of the upload leaves it, and then
// calls tell. The second result is false when all are taken. The upload has the
// values of ctx, but outlives it.
func (u *uploads) begin(ctx context.Context) (*upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waiting) == maxWaiting {
		return nil, false
	}
	if u.untold == 0 {
		u.idle = make(chan struct{})
	}
	u.untold++
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(u.ctx, func() { cancel(errGivenUp) })
	it := &upload{ctx: ctx}
	u.waiting[it] = struct{}{}
	u.running.Add(1)
	it.end = func(tell func()) {
		defer u.running.Done()
		stop()
		cancel(nil)
		u.remove(it)
		tell()
		u.told()
	}
	return it, true
}

func (u *uploads) remove(it *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.waiting, it)
}

func (u *uploads) told() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.untold--; u.untold == 0 {
		close(u.idle)
	}
}

// giveUp ends all uploads.
func (u *uploads) giveUp() { u.cancel(errGivenUp) }

// enter waits for the turn of an upload.
func (u *uploads) enter(ctx context.Context) error { return enter(ctx, u.slots) }

func (u *uploads) leave() { leave(u.slots) }

// Drain waits until every entry that was accepted is stored, or is not. The
// error is that of ctx, if it ends before.
func (c *Cache) Drain(ctx context.Context) error {
	c.uploads.mu.Lock()
	idle := c.uploads.idle
	c.uploads.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Waiting returns how many entries were accepted and are not stored yet, and
// how many bytes of them are packed and to be sent.
func (c *Cache) Waiting() (entries int, bytes int64) {
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	for it := range c.uploads.waiting {
		bytes += it.left.Load()
	}
	return len(c.uploads.waiting), bytes
}

// meter is a body that tells how much of it is left to send.
type meter struct {
	io.ReadSeeker
	length      int64
	left, moved *atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadSeeker.Read(p)
	m.left.Add(int64(-n))
	m.moved.Add(int64(n))
	return n, err
}

// Seek goes back to the beginning before each try.
func (m *meter) Seek(offset int64, whence int) (int64, error) {
	at, err := m.ReadSeeker.Seek(offset, whence)
	m.left.Store(m.length - at)
	return at, err
}
