package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
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

// Get implements [cache.Blobs]. The first request asks for the beginning of the
// blob, and its answer tells how long it is; whatever is left is asked for in
// parts, if the blob is still the same, once the body is being read. A part
// whose connection breaks or stalls is taken up again where it broke. It returns when
// the first byte of the body is there.
func (c *Container) Get(ctx context.Context, name string) (*cache.Blob, error) {
	own, cancel := context.WithCancelCause(named(ctx, name))
	first := &stream{ctx: own, stalls: c.stalls}
	b, answer, err := c.begin(first.cancellable())
	if err == nil {
		first.blob, first.end, first.body = b, answer.to, answer.Body
		err = first.peek()
	}
	if err != nil {
		err = c.translate(own, "get", name, err)
		_ = first.Close() // it is not read
		cancel(nil)
		return nil, err
	}
	d := &download{container: c, name: name, ctx: own, cancel: cancel, blob: b, current: first, next: answer.to}
	return &cache.Blob{Body: d, Size: b.size, ETag: b.tag(), Doubt: b.doubt, LaterDoubt: b.laterDoubt, Metadata: metadataOf(answer.Metadata)}, nil
}

// begin sends the first request for a blob.
func (c *Container) begin(ctx context.Context) (*remote, answer, error) {
	client, err := c.clients.lend(ctx, reads)
	if err != nil {
		return nil, answer{}, err
	}
	defer client.end() // further requests wait for no sign-in
	b := &remote{client: client.Client}
	first, err := b.begin(ctx, c.ranges.First)
	return b, first, err
}

func metadataOf(answer map[string]*string) cache.Metadata {
	metadata := make(cache.Metadata, len(answer))
	for key, value := range answer {
		if value != nil {
			metadata[strings.ToLower(key)] = *value
		}
	}
	return metadata
}

// download is the body of a blob. It reads the blob's parts one after the other:
// those that are in a buffer or on their way there, and where there was no
// buffer the next one straight from its connection.
type download struct {
	container *Container
	name      string
	ctx       context.Context // that of the request, which the body is part of; ends with Close
	cancel    context.CancelCauseFunc
	blob      *remote
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
			d.err = d.container.translate(d.ctx, "get", d.name, err)
		}
		if n > 0 || err == nil {
			return n, nil
		}
	}
	return 0, d.err
}

// prefetch asks for parts as far as there are buffers for them.
func (d *download) prefetch() {
	for d.next < d.blob.size && len(d.ahead) < d.container.ranges.Ahead {
		if !d.joined {
			d.container.buffers.join()
			d.joined = true
		}
		buffer := d.container.buffers.take(d.held())
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
	d.next = min(from+d.container.ranges.Part, d.blob.size)
	return &stream{ctx: d.ctx, blob: d.blob, stalls: d.container.stalls, at: from, end: d.next}
}

// advance goes on to the next part.
func (d *download) advance() {
	d.release(d.current)
	switch {
	case len(d.ahead) > 0:
		d.current = d.ahead[0]
		d.ahead = append(d.ahead[:0], d.ahead[1:]...)
	case d.next < d.blob.size:
		d.current = d.stream()
	default:
		d.current, d.err = nil, io.EOF
	}
}

// release gives back what a part holds.
func (d *download) release(it io.ReadCloser) {
	_ = it.Close() // read to its end or given up: nothing is lost
	if p, ok := it.(*part); ok {
		d.container.buffers.give(p.buffer)
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
		d.container.buffers.leave()
		d.joined = false
	}
	if d.err == nil {
		d.err = errClosed
	}
	return nil
}

// remote is a blob, of which ranges can be had.
type remote struct {
	client *blockblob.Client
	etag   *azcore.ETag
	size   int64 // -1 where the storage does not tell
	// doubt is why the bytes may not be those of the storage; of those that are asked for
	// later doubtLater says so.
	doubt      error
	doubtLater atomic.Pointer[error]
}

// laterDoubt is why the bytes that the first answer has not may not be the storage's.
func (r *remote) laterDoubt() error {
	if doubt := r.doubtLater.Load(); doubt != nil {
		return *doubt
	}
	return nil
}

func (r *remote) tag() string {
	if r.etag == nil {
		return ""
	}
	return string(*r.etag)
}

// answer has the bytes of a blob before to; -1: all.
type answer struct {
	blob.DownloadStreamResponse
	to int64
}

// begin asks for the first bytes of the blob, of which nothing is known. Who
// ignores that only some are wanted gives all of them, which is fine, too.
func (r *remote) begin(ctx context.Context, count int64) (answer, error) {
	response, raw, err := r.download(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Count: count}})
	ranged := true
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok && refused.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		response, raw, err = r.download(ctx, nil) // an empty blob has no bytes to ask for
		ranged = false
	}
	if err != nil {
		return answer{}, err
	}
	if isPage(response.ContentType, response.RequestID) {
		_ = response.Body.Close() // it is for people
		return answer{}, &interceptedError{}
	}
	it, err := extentOf(&response, raw)
	if err == nil && it.from != 0 {
		err = errOtherBytes
	}
	if err != nil {
		_ = response.Body.Close() // it is not needed
		return answer{}, doubted(err, raw)
	}
	r.etag, r.size, r.doubt = strong(response.ETag), it.size, changedOnTheWay(raw, ranged)
	return answer{response, it.to}, nil
}

// open asks for the bytes of the blob from one position to another.
func (r *remote) open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: from, Count: to - from}}
	if r.etag != nil {
		options.AccessConditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: r.etag},
		}
	}
	response, raw, err := r.download(ctx, options)
	if err != nil {
		return nil, err
	}
	it, err := extentOf(&response, raw)
	if etag := strong(response.ETag); err == nil && (it.from != from || it.size != r.size || etag != nil && r.etag != nil && *etag != *r.etag) {
		err = errOtherBytes
	}
	if err != nil {
		_ = response.Body.Close() // it is not needed
		return nil, doubted(err, raw)
	}
	if doubt := changedOnTheWay(raw, true); doubt != nil {
		r.doubtLater.Store(&doubt)
	}
	return response.Body, nil
}

// extent says which bytes an answer has, of how many. Where a whole blob comes
// without its length, to and size are -1.
type extent struct{ from, to, size int64 }

func extentOf(response *blob.DownloadStreamResponse, raw *http.Response) (extent, error) {
	length := int64(-1)
	if response.ContentLength != nil {
		length = *response.ContentLength
	}
	if response.ContentRange == nil && raw != nil && raw.StatusCode == http.StatusPartialContent { // of several parts
		return extent{}, errOtherBytes
	}
	if response.ContentRange == nil { // 200
		return extent{0, length, length}, nil
	}
	var from, last, size int64
	n, err := fmt.Sscanf(*response.ContentRange, "bytes %d-%d/%d", &from, &last, &size)
	if n != 3 || err != nil || from < 0 || last < from || size <= last || length >= 0 && length != last+1-from {
		return extent{}, errOtherBytes
	}
	return extent{from, last + 1, size}, nil
}
