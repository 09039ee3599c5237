package download

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// maxRetriesOfRange is how often one range is retried in all, even if each retry
// delivers a few bytes.
const maxRetriesOfRange = 8

// rangeReader reads one range of a blob. If the connection breaks, it requests what is
// missing again. If the connection is quiet, it requests the same on a second one (see
// [hedge]): the first may be bad, or the network is dead.
type rangeReader struct {
	ctx     context.Context
	source  Source
	budget  *stallBudget
	at, end int64         // what is still to be read; end is -1 if unknown
	body    io.ReadCloser // nil until it is requested

	retries                int
	retriesWithoutProgress int   // since the last byte
	lastErr                error // that was retried

	quietTimer *awake.Timer // runs during a read of the body
	hedge      *hedge       // nil unless the body is quiet
	cancelBody context.CancelCauseFunc
	peeked     []byte // bytes that were read ahead of the body
}

// Read implements [io.Reader].
func (r *rangeReader) Read(p []byte) (int, error) {
	for r.at != r.end {
		if r.body == nil {
			if err := r.open(); err != nil {
				return 0, err
			}
		}
		if r.end >= 0 {
			p = p[:min(int64(len(p)), r.end-r.at)]
		}
		n, err := r.read(p)
		r.at += int64(n)
		if n > 0 {
			r.retriesWithoutProgress = 0
		}
		if err == io.EOF && r.end < 0 {
			r.end = r.at
		}
		if err != nil && r.at != r.end {
			err = r.retry(err)
		}
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
	}
	return 0, io.EOF
}

// peek waits for the first byte. A server that sends a header and then goes silent is
// found here, while many downloads wait at once, and not when it is their turn.
func (r *rangeReader) peek() error {
	if r.at == r.end {
		return nil
	}
	first := make([]byte, 1)
	n, err := r.Read(first)
	r.at -= int64(n)
	r.peeked = first[:n]
	if err == io.EOF {
		return nil
	}
	return err
}

// open requests what is missing.
func (r *rangeReader) open() error {
	body, err := r.source.Open(r.cancellable(), r.at, r.end)
	if errors.Is(err, ErrOtherBytes) && r.lastErr != nil {
		return r.lastErr // the storage ignores ranges
	}
	r.body = body
	return err
}

// cancellable returns a context for a request, which cancelBody ends.
func (r *rangeReader) cancellable() context.Context {
	ctx, cancel := context.WithCancelCause(r.ctx)
	r.cancelBody = cancel
	return ctx
}

// read reads from the body, or from its hedge if that is faster.
func (r *rangeReader) read(p []byte) (int, error) {
	if len(r.peeked) > 0 {
		n := copy(p, r.peeked)
		r.peeked = r.peeked[n:]
		return n, nil
	}
	if r.quietTimer == nil {
		r.quietTimer = awake.NewTimer(r.startHedge)
	}
	r.quietTimer.Reset(r.budget.quietLimit())
	n, err := r.body.Read(p)
	r.quietTimer.Stop()
	if r.hedge != nil {
		n, err = r.settle(n, err)
	}
	if _, isLimit := errors.AsType[*transport.LimitError](err); isLimit {
		r.budget.exhaust()
	}
	return n, err
}

// startHedge runs when the body is quiet, while its reader waits.
func (r *rangeReader) startHedge() time.Duration {
	at, end := r.at, r.end
	switch {
	case r.budget.exhausted():
		r.cancelBody(r.budget.err())
	case end >= 0:
		r.hedge = &hedge{
			budget:         r.budget,
			open:           func(ctx context.Context) (io.ReadCloser, error) { return r.source.Open(ctx, at, end) },
			cancelOriginal: r.cancelBody,
		}
		r.hedge.start(r.ctx)
	}
	return 0
}

// settle continues with the body that delivered a byte first. If the stall limit ended the
// original, the hedge had time enough, too: then the network is to blame.
func (r *rangeReader) settle(n int, err error) (int, error) {
	h := r.hedge
	r.hedge = nil
	h.stop()
	if n > 0 || err == nil || h.body == nil {
		h.discard()
		return n, err
	}
	if !r.budget.spend(h.waited) {
		h.discard()
		return 0, r.budget.err()
	}
	_ = r.Close() // the hedge was faster
	r.body, r.cancelBody, r.peeked = h.body, h.cancelBody, h.first[:]
	return 0, nil
}

// retry prepares another request for what is missing, or returns why there is none.
func (r *rangeReader) retry(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	_ = r.Close() // it is broken
	_, isLimit := errors.AsType[*transport.LimitError](err)
	r.retries++
	r.retriesWithoutProgress++
	if r.ctx.Err() != nil || r.end < 0 || r.retriesWithoutProgress > transport.MaxRetries || r.retries > maxRetriesOfRange || isLimit {
		return err
	}
	r.lastErr = err
	return nil
}

// Close releases the connection.
func (r *rangeReader) Close() error {
	if r.cancelBody != nil {
		defer r.cancelBody(nil)
	}
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body, r.peeked = nil, nil
	return err
}
