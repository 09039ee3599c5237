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

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// maxFailures is how many requests in a row may fail before the breaker opens. Package
// azure has retried each of them, so a dead network delays a run by seconds, not by
// seconds for each task.
const maxFailures = 5

// Breaker is a [Blobs] that stops sending requests to another one that keeps failing.
// After [maxFailures] failures in a row, or one time limit that has passed, it rejects
// all requests for the rest of the run with [ErrOff].
//
// After a [ConfigError], which is permanent, all further reads or all further writes
// fail with the same error, without a request.
type Breaker struct {
	blobs   Blobs
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	last    atomic.Pointer[error] // failure that counted
	limit   atomic.Pointer[error] // time limit that has passed

	reads, writes atomic.Pointer[ConfigError]
}

var _ Blobs = (*Breaker)(nil)

// NewBreaker returns a breaker in front of blobs.
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

// isCancelled reports whether err says nothing about the storage.
func isCancelled(err error) bool { return errors.Is(err, context.Canceled) || fileerror.Is(err) }

// isFailure reports whether err means that the storage failed. That a blob is missing,
// exists or is unreadable is a response, not a failure.
func isFailure(err error) bool {
	_, config := errors.AsType[*ConfigError](err)
	_, unreadable := errors.AsType[*UnreadableError](err)
	isResponse := unreadable || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists)
	return err != nil && !config && !isCancelled(err) && !isResponse
}

func (b *Breaker) readyToTrip(counts gobreaker.Counts) bool {
	return counts.ConsecutiveFailures >= maxFailures || b.limit.Load() != nil
}

// failed records a failure before it counts, because others may count concurrently.
func (b *Breaker) failed(err error) {
	b.last.Store(&err)
	if errors.Is(err, ErrTimeLimit) {
		b.limit.Store(&err)
	}
}

// allow returns the function to call with the outcome of a request, or the error that
// says why the request must not be sent.
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
	return diagnostic.With(diagnostic.StorageFailed, fmt.Errorf("%w; %w", *why, ErrOff))
}

// Get implements [Blobs]. The request ends when its body ends.
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

// Exists implements [Blobs].
func (b *Breaker) Exists(ctx context.Context, name string) (bool, error) {
	done, err := b.allow(&b.reads)
	if err != nil {
		return false, err
	}
	exists, err := b.blobs.Exists(ctx, name)
	done(err)
	return exists, err
}

// watchedBody reports once how reading a body has ended.
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
