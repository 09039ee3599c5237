// Package download reads one blob as many ranges: several at once where the blob is
// large, into buffers that all downloads share. A range whose connection breaks is
// retried where it broke (retry.go); a range that stalls is requested on a second
// connection as well (hedge.go).
//
// It requests ranges through a [Source], and knows neither the Azure SDK nor
// credentials.
package download

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

// Ranges say how blobs are downloaded: with one request as far as they are
// small, with several at once where they are not.
type Ranges struct {
	First   int64 // bytes that the first request asks for
	Part    int64 // bytes that each further one asks for
	Ahead   int   // parts of one download that are asked for before they are read
	Buffers int   // parts that wait in memory, of all downloads of a container
}

// DefaultRanges ask for 4 MiB at first, which one connection to Azure (60 MB/s,
// 20 ms) gives in some 90 ms: few artifacts are larger. The buffers are an eighth
// of what the process may use, and as many connections as one download needs.
var DefaultRanges = Ranges{First: 4 << 20, Part: 1 << 20, Ahead: 10, Buffers: 12}

// Source is a blob whose ranges can be asked for.
type Source interface {
	// Open asks for the bytes from one position to another. It returns [ErrOtherBytes]
	// where it gets others.
	Open(ctx context.Context, from, to int64) (io.ReadCloser, error)
}

// ErrOtherBytes says that an answer has not what was asked for.
var ErrOtherBytes = errors.New("the answer has other bytes than those that were asked for")

// First is the beginning of a blob, and how to get the rest.
type First struct {
	Source Source
	Body   io.ReadCloser
	To     int64 // where the body ends; -1 where nobody knows it
	Size   int64 // of the blob; -1 where the storage does not tell
}

// Downloads are those of an account: they share the buffers, and the time that may be
// lost with stalls.
type Downloads struct {
	ranges  Ranges
	buffers *buffers
	stalls  *stalls
}

// New returns downloads of these ranges, of which all stalls together cost no more than
// a limit.
func New(ranges Ranges, stall time.Duration) *Downloads {
	return &Downloads{
		ranges:  ranges,
		buffers: &buffers{size: ranges.Part, max: descriptors.Share(16, ranges.Buffers)},
		stalls:  newStalls(stall),
	}
}

// First is how many bytes the first request should ask for.
func (d *Downloads) First() int64 { return d.ranges.First }

// Open begins a download, and returns when the first byte of the body is there. The first
// request is begin's; translate is for each error of this and further ones.
func (d *Downloads) Open(ctx context.Context, begin func(context.Context) (First, error), translate func(context.Context, error) error) (io.ReadCloser, error) {
	own, cancel := context.WithCancelCause(ctx)
	s := &stream{ctx: own, stalls: d.stalls}
	first, err := begin(s.cancellable())
	if err == nil {
		s.source, s.end, s.body = first.Source, first.To, first.Body
		err = s.peek()
	}
	if err != nil {
		err = translate(own, err)
		_ = s.Close() // it is not read
		cancel(nil)
		return nil, err
	}
	return &download{Downloads: d, translate: translate, ctx: own, cancel: cancel, source: first.Source, size: first.Size, current: s, next: first.To}, nil
}

// download is the body of a blob. It reads the blob's parts one after the other:
// those that are in a buffer or on their way there, and where there was no
// buffer the next one straight from its connection.
type download struct {
	*Downloads
	translate func(context.Context, error) error
	ctx       context.Context // that of the request, which the body is part of; ends with Close
	cancel    context.CancelCauseFunc
	source    Source
	size      int64
	fetching  sync.WaitGroup

	mu      sync.Mutex
	joined  bool // it has a share of the buffers
	current io.ReadCloser
	ahead   []*part // that follow the current one
	next    int64   // where those begin that nobody has asked for
	err     error   // of all further reads
}

var errClosed = errors.New("read after Close")

// Read implements [io.Reader].
func (d *download) Read(p []byte) (int, error) {
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

// prefetch asks for parts as far as there are buffers for them.
func (d *download) prefetch() {
	for d.next < d.size && len(d.ahead) < d.ranges.Ahead {
		if !d.joined {
			d.buffers.join()
			d.joined = true
		}
		buffer := d.buffers.take(d.held())
		if buffer == nil {
			return
		}
		p := newPart(buffer)
		d.ahead = append(d.ahead, p)
		s := d.stream()
		d.fetching.Go(func() { p.fetch(s) })
	}
}

// held is how many buffers it has.
func (d *download) held() int {
	if _, ok := d.current.(*part); ok {
		return len(d.ahead) + 1
	}
	return len(d.ahead)
}

// stream is the next part that nobody has asked for.
func (d *download) stream() *stream {
	from := d.next
	d.next = min(from+d.ranges.Part, d.size)
	return &stream{ctx: d.ctx, source: d.source, stalls: d.stalls, at: from, end: d.next}
}

// advance goes on to the next part.
func (d *download) advance() {
	d.release(d.current)
	switch {
	case len(d.ahead) > 0:
		d.current = d.ahead[0]
		d.ahead = append(d.ahead[:0], d.ahead[1:]...)
	case d.next < d.size:
		d.current = d.stream()
	default:
		d.current, d.err = nil, io.EOF
	}
}

// release gives back what a part holds.
func (d *download) release(it io.ReadCloser) {
	_ = it.Close() // read to its end or given up: nothing is lost
	if p, ok := it.(*part); ok {
		d.buffers.give(p.buffer)
	}
}

// Close gives up what is not read, also while somebody reads it.
func (d *download) Close() error {
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
