package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// maxFailures is how many requests in a row may fail before no more are sent.
// Each has been repeated before it counts (see package azure), so that a dead
// network costs a run of dependent tasks some seconds, not some for each task.
const maxFailures = 5

// Breaker is a [Blobs] that stops asking another one that keeps failing: after
// [maxFailures] requests in a row, or one that has used up its time limit, every
// request of this run is refused with [ErrOff].
//
// A [ConfigError], which repeating cannot mend, ends at once what it is about:
// all further reads, or all further writes, get the same error without a request.
type Breaker struct {
	blobs   Blobs
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	last    atomic.Pointer[error] // failure that counted
	limit   atomic.Pointer[error] // that was over

	reads, writes atomic.Pointer[ConfigError]
}

var _ Blobs = (*Breaker)(nil)

// NewBreaker returns a breaker before blobs.
func NewBreaker(blobs Blobs) *Breaker {
	b := &Breaker{blobs: blobs}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      365 * 24 * time.Hour, // no run is that long: it stays open
		ReadyToTrip:  b.readyToTrip,
		IsSuccessful: func(err error) bool { return !isFailure(err) },
		IsExcluded:   isCancelled,
	})
	return b
}

// isCancelled reports whether an error says nothing about the storage.
func isCancelled(err error) bool { return errors.Is(err, context.Canceled) || fileerror.Is(err) }

// isFailure reports whether an error says that the storage cannot be used. That
// a blob is not there, or is there, or is in some state, is an answer.
func isFailure(err error) bool {
	_, config := errors.AsType[*ConfigError](err)
	_, unreadable := errors.AsType[*UnreadableError](err)
	isAnswer := unreadable || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists)
	return err != nil && !config && !isCancelled(err) && !isAnswer
}

func (b *Breaker) readyToTrip(counts gobreaker.Counts) bool {
	return counts.ConsecutiveFailures >= maxFailures || b.limit.Load() != nil
}

// failed notes a failure, before it counts: others may count at the same time.
func (b *Breaker) failed(err error) {
	b.last.Store(&err)
	if errors.Is(err, ErrTimeLimit) {
		b.limit.Store(&err)
	}
}

// allow returns what is to be called with the outcome of a request, or why it
// must not be sent.
func (b *Breaker) allow(stopped *atomic.Pointer[ConfigError]) (done func(error), err error) {
	if config := stopped.Load(); config != nil {
		return nil, config
	}
	settle, err := b.circuit.Allow()
	if err != nil {
		return nil, b.off()
	}
	return func(err error) {
		if config, ok := errors.AsType[*ConfigError](err); ok {
			stopped.Store(config)
		}
		if isFailure(err) {
			b.failed(err)
		}
		settle(err)
	}, nil
}

func (b *Breaker) off() error {
	why := b.limit.Load()
	if why == nil {
		why = b.last.Load() // of maxFailures
	}
	return fmt.Errorf("%w, because it keeps failing: %w", ErrOff, *why)
}

// Get implements [Blobs]. The request ends with its body.
func (b *Breaker) Get(ctx context.Context, name string) (*Blob, error) {
	done, err := b.allow(&b.reads)
	if err != nil {
		return nil, err
	}
	blob, err := b.blobs.Get(ctx, name)
	if err != nil {
		done(err)
		return nil, err
	}
	watched := *blob
	watched.Body = &watchedBody{ReadCloser: blob.Body, done: done}
	return &watched, nil
}

// watchedBody tells once how the reading of a body has ended.
type watchedBody struct {
	io.ReadCloser
	once sync.Once
	done func(error)
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		w.once.Do(func() { w.done(err) })
	}
	return n, err
}

// reject implements [rejecter].
func (w *watchedBody) reject(err error) { w.once.Do(func() { w.done(err) }) }

func (w *watchedBody) Close() error {
	w.once.Do(func() { w.done(nil) })
	return w.ReadCloser.Close()
}

// Put implements [Blobs].
func (b *Breaker) Put(ctx context.Context, name string, body io.ReadSeeker, metadata Metadata) error {
	return b.write(func() error { return b.blobs.Put(ctx, name, body, metadata) })
}

// Replace implements [Blobs].
func (b *Breaker) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata Metadata) error {
	return b.write(func() error { return b.blobs.Replace(ctx, name, etag, body, metadata) })
}

func (b *Breaker) write(request func() error) error {
	done, err := b.allow(&b.writes)
	if err != nil {
		return err
	}
	err = request()
	done(err)
	return err
}
