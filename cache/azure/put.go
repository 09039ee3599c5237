package azure

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Put implements [cache.Blobs] with one Put Blob of known length. An identity that may
// create but not overwrite can do nothing else (Put Block needs blobs/write). Not
// UploadFile or UploadBuffer: above 256 MiB they lose the condition and overwrite (azblob
// 1.8.3).
func (c *Container) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	anyETag := azcore.ETagAny
	err := c.write(ctx, "put", name, blob.ModifiedAccessConditions{IfNoneMatch: &anyETag}, body, metadata)
	if _, refused := errors.AsType[*explain.NotPermittedError](err); refused {
		// The service may check permissions before the condition. Then an identity that may
		// only create gets 403 instead of 412 for an existing blob. For a SAS it does
		// (azure-cli#19203); for roles the documentation does not say.
		if exists, _ := c.Exists(ctx, name); exists {
			return cache.ErrExists
		}
	}
	return err
}

// Replace implements [cache.Blobs] with one Put Blob and If-Match. It needs blobs/write.
func (c *Container) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	match := azcore.ETag(etag)
	return c.write(ctx, "replace", name, blob.ModifiedAccessConditions{IfMatch: &match}, body, metadata)
}

func (c *Container) write(ctx context.Context, operation, name string, condition blob.ModifiedAccessConditions, body io.ReadSeeker, metadata cache.Metadata) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("%s %s: %w", operation, name, err)
	}
	if size > MaxBlob {
		return diagnostic.With(diagnostic.ResultTooLarge, fmt.Errorf("%s %s: %d bytes exceed the %d that Azure accepts in one request", operation, name, size, int64(MaxBlob)))
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s %s: %w", operation, name, err)
	}
	client, err := c.clients.acquire(ctx, writes)
	if err != nil {
		return c.explain.Error(ctx, operation, name, err)
	}
	defer client.release()
	_, err = client.Upload(withBlobName(ctx, name), keepOpen{body}, &blockblob.UploadOptions{
		Metadata:         pointers(metadata),
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &condition},
	})
	if err != nil {
		return c.explain.Error(ctx, operation, name, err)
	}
	return nil
}

// keepOpen hides a body's Close from the SDK, which calls it between retries.
type keepOpen struct{ io.ReadSeeker }

func (keepOpen) Close() error { return nil }

func pointers(metadata cache.Metadata) map[string]*string {
	m := make(map[string]*string, len(metadata))
	for key, value := range metadata {
		m[key] = &value
	}
	return m
}
