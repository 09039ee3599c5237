// Package download reads one blob as many ranges: several at once if the blob is large,
// into buffers that all downloads share. If the connection of a range breaks, the range
// is retried from where it broke (retry.go). If a range stalls, the rest of it is
// requested on a second connection as well (hedge.go).
//
// It requests ranges through a [Source], and knows neither the Azure SDK nor credentials.
package download

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

// Ranges configure downloads: small blobs take one request, large ones several at once.
type Ranges struct {
	First   int64 // bytes of the first request
	Part    int64 // bytes of each further request
	Ahead   int   // parts that one download requests before they are read
	Buffers int   // parts in memory, of all downloads of an account
}

// DefaultRanges request 4 MiB first, which one connection to Azure (60 MB/s, 20 ms)
// delivers in about 90 ms: few artifacts are larger. The buffers take an eighth of the
// memory that the process may use, and one download needs as many connections.
var DefaultRanges = Ranges{First: 4 << 20, Part: 1 << 20, Ahead: 10, Buffers: 12}

// Source is a blob that serves ranges.
type Source interface {
	// Open requests the bytes from one position to another. If the response has other
	// bytes, the error wraps [ErrOtherBytes].
	Open(ctx context.Context, from, to int64) (io.ReadCloser, error)
}

// ErrOtherBytes reports a response whose range is not the requested one.
var ErrOtherBytes = errors.New("the response does not have the requested bytes")

// First is the beginning of a blob, and the source of the rest.
type First struct {
	Source Source
	Body   io.ReadCloser
	To     int64 // where the body ends; -1 if unknown
	Size   int64 // of the blob; -1 if unknown
}

// Downloads are those of one account. They share the buffers and the time that stalls may
// cost.
type Downloads struct {
	ranges  Ranges
	buffers *buffers
	budget  *stallBudget
}

// New returns downloads whose stalls together cost no more than one limit.
func New(ranges Ranges, stall time.Duration) *Downloads {
	return &Downloads{
		ranges:  ranges,
		buffers: &buffers{size: ranges.Part, max: descriptors.Share(16, ranges.Buffers)},
		budget:  newStallBudget(stall),
	}
}

// First is how many bytes the first request should ask for.
func (d *Downloads) First() int64 { return d.ranges.First }

// Open starts a download with the request that begin sends, and returns when the first
// byte of the body has arrived. Every error, of this and of further requests, goes
// through translate.
func (d *Downloads) Open(ctx context.Context, begin func(context.Context) (First, error), translate func(context.Context, error) error) (io.ReadCloser, error) {
	own, cancel := context.WithCancelCause(ctx)
	r := &rangeReader{ctx: own, budget: d.budget}
	first, err := begin(r.cancellable())
	if err == nil {
		r.source, r.end, r.body = first.Source, first.To, first.Body
		err = r.peek()
	}
	if err != nil {
		err = translate(own, err)
		_ = r.Close() // it is not read
		cancel(nil)
		return nil, err
	}
	return &reader{Downloads: d, translate: translate, ctx: own, cancel: cancel, source: first.Source, size: first.Size, current: r, next: first.To}, nil
}

// reader is the body of a blob. It reads the parts in order: from their buffers or, if
// there was no buffer for a part, straight from its connection.
type reader struct {
	*Downloads
	translate func(context.Context, error) error
	ctx       context.Context // of all requests; ends with Close
	cancel    context.CancelCauseFunc
	source    Source
	size      int64
	fetching  sync.WaitGroup

	mu      sync.Mutex
	joined  bool // it shares the buffers
	current io.ReadCloser
	ahead   []*part // that follow the current one
	next    int64   // where the parts begin that are not yet requested
	err     error   // of all further reads
}

var errClosed = errors.New("read after Close")

// Read implements [io.Reader].
func (d *reader) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for d.err == nil {
		d.prefetch()
		n, err := d.current.Read(p)
		switch {
		case err == io.EOF:
			d.advance()
		case err != nil:
			d.err = d.translate(d.ctx, err)
		}
		if n > 0 || err == nil {
			return n, nil
		}
	}
	return 0, d.err
}

// prefetch requests parts while there are buffers for them.
func (d *reader) prefetch() {
	for d.next < d.size && len(d.ahead) < d.ranges.Ahead {
		if !d.joined {
			d.buffers.join()
			d.joined = true
		}
		buffer := d.buffers.acquire(d.held())
		if buffer == nil {
			return
		}
		p := newPart(buffer)
		d.ahead = append(d.ahead, p)
		r := d.nextRange()
		d.fetching.Go(func() { p.fetch(r) })
	}
}

// held is how many buffers it holds.
func (d *reader) held() int {
	if _, ok := d.current.(*part); ok {
		return len(d.ahead) + 1
	}
	return len(d.ahead)
}

// nextRange is the next part that is not yet requested.
func (d *reader) nextRange() *rangeReader {
	from := d.next
	d.next = min(from+d.ranges.Part, d.size)
	return &rangeReader{ctx: d.ctx, source: d.source, budget: d.budget, at: from, end: d.next}
}

// advance moves on to the next part.
func (d *reader) advance() {
	d.release(d.current)
	switch {
	case len(d.ahead) > 0:
		d.current = d.ahead[0]
		d.ahead = append(d.ahead[:0], d.ahead[1:]...)
	case d.next < d.size:
		d.current = d.nextRange()
	default:
		d.current, d.err = nil, io.EOF
	}
}

// release closes a range and returns its buffer.
func (d *reader) release(body io.ReadCloser) {
	_ = body.Close() // read to its end, or no longer needed: nothing is lost
	if p, ok := body.(*part); ok {
		d.buffers.release(p.buffer)
	}
}

// Close cancels all requests. It may be called during a Read.
func (d *reader) Close() error {
	d.cancel(errClosed)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fetching.Wait()
	for _, p := range d.ahead {
		d.release(p)
	}
	d.ahead = nil
	if d.current != nil {
		d.release(d.current)
		d.current = nil
	}
	if d.joined {
		d.buffers.leave()
		d.joined = false
	}
	if d.err == nil {
		d.err = errClosed
	}
	return nil
}
