package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// Get implements [cache.Blobs]. The first request asks for the beginning of the blob, and
// its response has the length. The rest is requested in parts while the body is read, if
// the blob is still the same. A part whose connection breaks or stalls is retried from
// where it broke. Get returns when the first byte of the body has arrived.
func (c *Container) Get(ctx context.Context, name string) (*cache.Blob, error) {
	var b *remoteBlob
	var response rangeResponse
	begin := func(ctx context.Context) (first download.First, err error) {
		b, response, err = c.begin(ctx)
		if err != nil {
			return first, err
		}
		return download.First{Source: b, Body: response.Body, To: response.to, Size: b.size}, nil
	}
	body, err := c.downloads.Open(withBlobName(ctx, name), begin, func(ctx context.Context, err error) error {
		return c.explain.Error(ctx, "get", name, err)
	})
	if err != nil {
		return nil, err
	}
	return &cache.Blob{Body: body, Size: b.size, ETag: b.tag(), Doubt: b.doubt, LaterDoubt: b.laterDoubt, Metadata: metadataOf(response.Metadata)}, nil
}

// begin sends the first request for a blob.
func (c *Container) begin(ctx context.Context) (*remoteBlob, rangeResponse, error) {
	client, err := c.clients.acquire(ctx, reads)
	if err != nil {
		return nil, rangeResponse{}, err
	}
	defer client.release() // later requests wait for no sign-in
	b := &remoteBlob{client: client.Client}
	first, err := b.begin(ctx, c.downloads.First())
	return b, first, err
}

func metadataOf(rangeResponse map[string]*string) cache.Metadata {
	metadata := make(cache.Metadata, len(rangeResponse))
	for key, value := range rangeResponse {
		if value != nil {
			metadata[strings.ToLower(key)] = *value
		}
	}
	return metadata
}

// remoteBlob is a blob whose ranges can be requested. It is a [download.Source].
type remoteBlob struct {
	client *blockblob.Client
	etag   *azcore.ETag
	size   int64 // -1 if unknown
	// doubt is why the first bytes may not be what the storage sent; doubtLater is the same
	// for later ones.
	doubt      error
	doubtLater atomic.Pointer[error]
}

// laterDoubt is why the bytes after the first response may not be what the storage sent.
func (r *remoteBlob) laterDoubt() error {
	if doubt := r.doubtLater.Load(); doubt != nil {
		return *doubt
	}
	return nil
}

func (r *remoteBlob) tag() string {
	if r.etag == nil {
		return ""
	}
	return string(*r.etag)
}

// rangeResponse has the bytes of a blob before to; all of them if to is -1.
type rangeResponse struct {
	blob.DownloadStreamResponse
	to int64
}

// begin requests the first bytes of a blob of unknown length. A server that ignores the
// range sends the whole blob, which is fine.
func (r *remoteBlob) begin(ctx context.Context, count int64) (rangeResponse, error) {
	response, raw, err := r.download(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Count: count}})
	ranged := true
	if refused, ok := errors.AsType[*azcore.ResponseError](err); ok && refused.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		response, raw, err = r.download(ctx, nil) // an empty blob has no ranges
		ranged = false
	}
	if err != nil {
		return rangeResponse{}, err
	}
	if explain.IsHTML(response.ContentType, response.RequestID) {
		_ = response.Body.Close() // got is an HTML page
		return rangeResponse{}, &explain.InterceptedError{}
	}
	got, err := extentOf(&response, raw)
	if err == nil && got.from != 0 {
		err = download.ErrOtherBytes
	}
	if err != nil {
		_ = response.Body.Close() // got is not needed
		return rangeResponse{}, withDoubt(err, raw)
	}
	r.etag, r.size, r.doubt = strongETag(response.ETag), got.size, proxyDoubt(raw, ranged)
	return rangeResponse{response, got.to}, nil
}

// Open requests the bytes of the blob from one position to another.
func (r *remoteBlob) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
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
	got, err := extentOf(&response, raw)
	if etag := strongETag(response.ETag); err == nil && (got.from != from || got.size != r.size || etag != nil && r.etag != nil && *etag != *r.etag) {
		err = download.ErrOtherBytes
	}
	if err != nil {
		_ = response.Body.Close() // got is not needed
		return nil, withDoubt(err, raw)
	}
	if doubt := proxyDoubt(raw, true); doubt != nil {
		r.doubtLater.Store(&doubt)
	}
	return response.Body, nil
}

// extent is the range of bytes in a response, and the size of the blob. If a whole blob
// comes without its length, to and size are -1.
type extent struct{ from, to, size int64 }

func extentOf(response *blob.DownloadStreamResponse, raw *http.Response) (extent, error) {
	length := int64(-1)
	if response.ContentLength != nil {
		length = *response.ContentLength
	}
	if response.ContentRange == nil && raw != nil && raw.StatusCode == http.StatusPartialContent { // a multipart response
		return extent{}, download.ErrOtherBytes
	}
	if response.ContentRange == nil { // status 200
		return extent{0, length, length}, nil
	}
	var from, last, size int64
	n, err := fmt.Sscanf(*response.ContentRange, "bytes %d-%d/%d", &from, &last, &size)
	if n != 3 || err != nil || from < 0 || last < from || size <= last || length >= 0 && length != last+1-from {
		return extent{}, download.ErrOtherBytes
	}
	return extent{from, last + 1, size}, nil
}
