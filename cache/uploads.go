package cache

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/limiter"
)

const (
	// maxUploads is how many results are packed or sent at once.
	maxUploads = 4
	// maxPacks is how many of them are packed at once, which takes up to 40 MiB. A
	// large result keeps several cores busy by itself.
	maxPacks = 1
	// maxAccepts is how many results are accepted at once: each opens a file for a
	// moment.
	maxAccepts = 64
	// maxWaiting is how many results may wait or be in work. Each takes a few
	// kilobytes.
	maxWaiting = 4096
)

// errStopped is why an upload ends early.
var errStopped = fmt.Errorf("stopped at the end of the session (%w)", context.Canceled)

// uploads are the results that were accepted and are not stored yet.
type uploads struct {
	ctx     context.Context // ends when the uploads are stopped
	cancel  context.CancelCauseFunc
	slots   chan struct{}
	packs   chan struct{}
	accepts chan struct{}
	running sync.WaitGroup

	mu         sync.Mutex
	waiting    map[*upload]struct{} // or in work
	unreported int                  // uploads whose outcome is not reported yet
	idle       chan struct{}        // closed while unreported is 0
}

// upload is the upload of one result.
type upload struct {
	ctx  context.Context
	left atomic.Int64 // bytes to send; 0 until the result is packed
	end  func(report func())
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

// add adds an upload to those that wait; its end removes it, and then calls report.
// The second result is false when too many wait. The upload has the values of ctx, but
// outlives it.
func (u *uploads) add(ctx context.Context) (*upload, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waiting) == maxWaiting {
		return nil, false
	}
	if u.unreported == 0 {
		u.idle = make(chan struct{})
	}
	u.unreported++
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(u.ctx, func() { cancel(errStopped) })
	added := &upload{ctx: ctx}
	u.waiting[added] = struct{}{}
	u.running.Add(1)
	added.end = func(report func()) {
		defer u.running.Done()
		stop()
		cancel(nil)
		u.remove(added)
		report()
		u.reported()
	}
	return added, true
}

func (u *uploads) remove(ended *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.waiting, ended)
}

func (u *uploads) reported() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.unreported--; u.unreported == 0 {
		close(u.idle)
	}
}

// stop ends all uploads.
func (u *uploads) stop() { u.cancel(errStopped) }

// acquire waits until an upload may begin.
func (u *uploads) acquire(ctx context.Context) error { return limiter.Acquire(ctx, u.slots) }

func (u *uploads) release() { limiter.Release(u.slots) }

// Drain waits until the outcome of every accepted result is reported. If ctx ends
// first, Drain returns its error.
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

// Waiting returns how many results were accepted and are not stored yet, and
// how many bytes of the packed ones are still to be sent.
func (c *Cache) Waiting() (entries int, bytes int64) {
	c.uploads.mu.Lock()
	defer c.uploads.mu.Unlock()
	for waiting := range c.uploads.waiting {
		bytes += waiting.left.Load()
	}
	return len(c.uploads.waiting), bytes
}

// meter is a body that counts the bytes that are left to send.
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

// Seek goes back to the beginning before each attempt.
func (m *meter) Seek(offset int64, whence int) (int64, error) {
	at, err := m.ReadSeeker.Seek(offset, whence)
	m.left.Store(m.length - at)
	return at, err
}
