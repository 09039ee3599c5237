package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// ErrChanged reports that a blob was replaced or deleted in the meantime.
var ErrChanged = explain.ErrChanged

// Delete deletes a blob and its snapshots, if it still has this ETag; "" matches any. It
// returns [cache.ErrNotFound] if there is no such blob, and [ErrChanged] if it was
// replaced.
func (c *Container) Delete(ctx context.Context, name, etag string) error {
	snapshots := blob.DeleteSnapshotsOptionTypeInclude // otherwise a blob with snapshots stays
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
