package azure

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// What people do with a cache, and a cache itself never does.

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
	client, err := c.clients.acquire(ctx, reads)
	if err != nil {
		return Properties{}, c.explain.Error(ctx, "look at", name, err)
	}
	defer client.release()
	answer, err := client.GetProperties(withBlobName(ctx, name), nil)
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
