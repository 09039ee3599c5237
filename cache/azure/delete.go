package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// ErrChanged says that a blob is no longer the one that was asked for: it is
// another one now, or gone.
var ErrChanged = explain.ErrChanged

// Delete deletes the blob called name, and its snapshots, if it still has this
// ETag; "" stands for any. It returns [cache.ErrNotFound] if there is none, and
// [ErrChanged] if it is another one now.
func (c *Container) Delete(ctx context.Context, name, etag string) error {
	snapshots := blob.DeleteSnapshotsOptionTypeInclude // else one that has any stays
	options := &blob.DeleteOptions{DeleteSnapshots: &snapshots}
	if etag != "" {
		match := azcore.ETag(etag)
		options.AccessConditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &match},
		}
	}
	client, err := c.clients.acquire(ctx, writes)
	if err != nil {
		return c.explain.Error(ctx, "delete", name, err)
	}
	defer client.release()
	if _, err := client.Delete(withBlobName(ctx, name), options); err != nil {
		return c.explain.Error(ctx, "delete", name, err)
	}
	return nil
}
