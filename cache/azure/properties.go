package azure

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// Properties are what the storage reports of a blob without its body.
type Properties struct {
	Name     string
	Size     int64
	ETag     string
	Modified time.Time // by the storage's clock, in seconds
	Metadata cache.Metadata
	// Tier is the access tier, such as Hot; "" if unknown. Blobs in the Archive tier cannot
	// be read.
	Tier string
}

// TierArchive is the [Properties.Tier] of blobs that cannot be read.
const TierArchive = string(blob.AccessTierArchive)

// Properties returns the properties of a blob, or [cache.ErrNotFound]. It needs
// permission to read.
func (c *Container) Properties(ctx context.Context, name string) (Properties, error) {
	client, err := c.clients.acquire(ctx, reads)
	if err != nil {
		return Properties{}, c.explain.Error(ctx, "inspect", name, err)
	}
	defer client.release()
	response, err := client.GetProperties(withBlobName(ctx, name), nil)
	if err != nil {
		return Properties{}, c.explain.Error(ctx, "inspect", name, err)
	}
	p := Properties{Name: name, Metadata: metadataOf(response.Metadata)}
	if response.ContentLength != nil {
		p.Size = *response.ContentLength
	}
	if response.ETag != nil {
		p.ETag = string(*response.ETag)
	}
	if response.LastModified != nil {
		p.Modified = *response.LastModified
	}
	if response.AccessTier != nil {
		p.Tier = *response.AccessTier
	}
	return p, nil
}

// Exists implements [cache.Blobs].
func (c *Container) Exists(ctx context.Context, name string) (bool, error) {
	_, err := c.Properties(ctx, name)
	if errors.Is(err, cache.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
