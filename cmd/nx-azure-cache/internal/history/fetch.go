package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// maxFailures is after how many failures in a row the storage counts as failing.
const maxFailures = 5

var errTooLarge = fmt.Errorf("it has more than %d bytes", runs.MaxBody)

// fetched is the body of a record.
type fetched struct {
	located
	body     []byte
	metadata cache.Metadata
	err      error
}

// fetch yields records in their order. It fetches some in advance, and decodes one at a
// time, because a decoded record may take much more memory.
func (r *Reader) fetch(ctx context.Context, records []located, yield func(*Run, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	ahead := make(chan chan fetched, maxConcurrent)
	next := 0
	begin := func() {
		if next == len(records) {
			return
		}
		record, result := records[next], make(chan fetched, 1)
		next++
		ahead <- result
		fetching.Go(func() { result <- get(ctx, record) })
	}
	for range maxConcurrent {
		begin()
	}
	failures := 0
	for len(ahead) > 0 {
		got := <-<-ahead
		begin()
		run, err := r.open(got)
		switch {
		case err == nil:
			failures = 0
			if !yield(run, nil) {
				return
			}
		case isOfRecord(err):
			failures = 0
		default:
			failures++
			if _, isPermanent := errors.AsType[*cache.ConfigError](err); isPermanent || ctx.Err() != nil || failures == maxFailures {
				yield(nil, err)
				return
			}
		}
	}
}

func get(ctx context.Context, record located) (got fetched) {
	got.located = record
	defer func() { // a panic here would end the process, and with it the uploads of a server
		if p := recover(); p != nil {
			zerolog.Ctx(ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("reading a record panicked")
			got.err = fmt.Errorf("reading panicked: %v", p)
		}
	}()
	blob, err := record.container.Get(ctx, record.name)
	if err != nil {
		got.err = err
		return got
	}
	defer blob.Body.Close() // reading only: nothing is lost
	got.metadata = blob.Metadata
	got.body, got.err = io.ReadAll(io.LimitReader(blob.Body, runs.MaxBody+1))
	return got
}

// recordError is about one record, and says nothing about others.
type recordError struct{ error }

func isOfRecord(err error) bool {
	_, ok := errors.AsType[recordError](err)
	return ok
}

// open checks and decodes a record. It counts those that are left out.
func (r *Reader) open(got fetched) (*Run, error) {
	if _, isUnreadable := errors.AsType[*cache.UnreadableError](got.err); isUnreadable {
		return nil, r.skip(&r.skipped.Unreadable, got.name, got.err)
	}
	if errors.Is(got.err, cache.ErrNotFound) { // deleted meanwhile
		return nil, recordError{got.err}
	}
	if got.err != nil {
		_ = r.skip(&r.skipped.Unreadable, got.name, got.err)
		return nil, got.err
	}
	run := &Run{Name: got.name, Scope: got.scope, Ended: got.ended}
	if r.Verifier != nil && runs.IsSigned(got.metadata) || r.mustBeSigned(got.scope) {
		if err := runs.Verify(got.name, got.body, got.metadata, r.Verifier); err == nil {
			run.Signed = true
		} else if r.mustBeSigned(got.scope) {
			return nil, r.skip(&r.skipped.Unverified, got.name, err)
		}
	}
	var err error
	if run.Record, err = runs.Open(r.Prefix, got.name, got.body, got.metadata); err != nil {
		return nil, r.skip(&r.skipped.Unreadable, got.name, err)
	}
	run.Ended = run.Record.Ended
	return run, nil
}

func (r *Reader) mustBeSigned(scope trust.Scope) bool {
	return r.Verifier != nil && scope == trust.Trusted
}

// skip counts a record that is left out.
func (r *Reader) skip(counter *int, name string, err error) error {
	*counter++
	skipped := recordError{fmt.Errorf("the record %s: %w", printable.String(name), err)}
	if r.skipped.First == nil {
		r.skipped.First = skipped
	}
	return skipped
}
