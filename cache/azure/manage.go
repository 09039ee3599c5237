package azure

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// What people do with a cache, and a cache itself never does.

// ErrChanged says that a blob is no longer the one that was asked for: it is
// another one now, or gone.
var ErrChanged = explain.ErrChanged

// Properties are what the storage tells of a blob without its body.
type Properties struct {
	Name     string
	Size     int64
	ETag     string
	Modified time.Time // by the storage's clock, in seconds
	Metadata cache.Metadata
	// Tier is the access tier, such as Hot; "" where the storage does not tell. What is
	// in the tier Archive cannot be read.
	Tier string
}

// TierArchive is the [Properties.Tier] of what cannot be read.
const TierArchive = string(blob.AccessTierArchive)

// Properties looks at the blob called name, or returns [cache.ErrNotFound]. It
// needs the right to read it.
func (c *Container) Properties(ctx context.Context, name string) (Properties, error) {
	client, err := c.clients.lend(ctx, reads)
	if err != nil {
		return Properties{}, c.explain.Error(ctx, "look at", name, err)
	}
	defer client.end()
	answer, err := client.GetProperties(named(ctx, name), nil)
	if err != nil {
		return Properties{}, c.explain.Error(ctx, "look at", name, err)
	}
	p := Properties{Name: name, Metadata: metadataOf(answer.Metadata)}
	if answer.ContentLength != nil {
		p.Size = *answer.ContentLength
	}
	if answer.ETag != nil {
		p.ETag = string(*answer.ETag)
	}
	if answer.LastModified != nil {
		p.Modified = *answer.LastModified
	}
	if answer.AccessTier != nil {
		p.Tier = *answer.AccessTier
	}
	return p, nil
}

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
	client, err := c.clients.lend(ctx, writes)
	if err != nil {
		return c.explain.Error(ctx, "delete", name, err)
	}
	defer client.end()
	if _, err := client.Delete(named(ctx, name), options); err != nil {
		return c.explain.Error(ctx, "delete", name, err)
	}
	return nil
}
