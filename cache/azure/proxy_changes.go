package azure

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// A proxy or gateway may modify responses: compress them, or remove their length, their
// range or Azure's headers. A damaged entry in such a response does not mean that the
// stored blob is damaged.

// withoutTransforms asks proxies to change nothing.
func withoutTransforms(ctx context.Context) context.Context {
	return policy.WithHTTPHeader(ctx, http.Header{"Accept-Encoding": {"identity"}, "Cache-Control": {"no-transform"}})
}

// download requests a range, and returns the raw response as well.
func (r *remoteBlob) download(ctx context.Context, options *blob.DownloadStreamOptions) (blob.DownloadStreamResponse, *http.Response, error) {
	var raw *http.Response
	response, err := r.client.DownloadStream(policy.WithCaptureResponse(withoutTransforms(ctx), &raw), options)
	return response, raw, err
}

// proxyDoubt returns why a response may not have the bytes that the storage sent; nil if
// nothing points to that. Azure itself always sends the length, a strong ETag, the
// requested range, and no encoding but one that the blob's writer set.
func proxyDoubt(response *http.Response, ranged bool) error {
	if response == nil {
		return nil // a transport of a test
	}
	header := response.Header
	var why string
	switch encoding := header.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		why = "Content-Encoding: " + printable.Short(encoding, transport.MaxShown)
	case response.ContentLength < 0:
		why = "it has no Content-Length"
	case strings.HasPrefix(header.Get("ETag"), "W/"):
		why = "its ETag is weak"
	case ranged && response.StatusCode == http.StatusOK:
		why = "it does not have the requested range"
	case !explain.IsAzure(header):
		why = "it has no Azure headers"
	default:
		return nil
	}
	if by := header.Get("Via"); by != "" {
		why += ", Via: " + printable.Short(by, transport.MaxShown)
	}
	return diagnostic.With(diagnostic.NotAzure, fmt.Errorf("a proxy or gateway modified the response (%s)", why))
}

// withDoubt adds how a response was modified to its error.
func withDoubt(err error, response *http.Response) error {
	if doubt := proxyDoubt(response, true); doubt != nil {
		return fmt.Errorf("%w: %w", err, doubt)
	}
	return err
}

// strongETag is the ETag as the storage sent it: a proxy that compresses makes it weak.
func strongETag(etag *azcore.ETag) *azcore.ETag {
	if etag == nil {
		return nil
	}
	got := azcore.ETag(strings.TrimPrefix(string(*etag), "W/"))
	return &got
}
