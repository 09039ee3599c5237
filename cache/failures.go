package cache

import (
	"context"
	"errors"
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// With NX_CACHE_FAILURES=true Nx also hands over the results of failed tasks. The machine
// or a flaky test may be the cause of a failure, and an entry would repeat it on all
// machines. So this package neither stores nor uses failures unless
// [Options].CacheFailures allows it, and a success replaces them.

// errFailure is the error of an entry whose task has failed.
var errFailure = errors.New("its task has failed")

// replaceable is an entry that this process has read, and may replace.
type replaceable struct {
	etag      string
	isFailure bool // otherwise it is damaged. Only a success replaces a failure
}

func (c *Cache) rememberReplaceable(entry Entry, found replaceable) {
	if found.etag != "" {
		c.found.Store(Name(entry.Prefix, entry.Scope, entry.Hash), found)
	}
}

// putOrReplace sends an entry. If the identity may replace blobs, it replaces an entry
// that this process has found damaged, and a success replaces a failure.
func (c *Cache) putOrReplace(u *upload, statement trust.Statement, body io.ReadSeeker, metadata Metadata) error {
	blobs, name := c.options.Writes.Blobs, Name(c.options.Prefix, statement.Scope, statement.Hash)
	isSuccess := statement.Code == 0
	if found, ok := c.found.Load(name); ok {
		if found := found.(replaceable); isSuccess || !found.isFailure {
			c.found.Delete(name)
			return blobs.Replace(u.ctx, name, found.etag, body, metadata)
		}
	}
	err := blobs.Put(u.ctx, name, body, metadata)
	if !errors.Is(err, ErrExists) || !isSuccess || !c.options.CacheFailures {
		return err
	}
	// Another machine has stored it since this run has looked it up.
	etag, isFailure := c.failureAt(u.ctx, name)
	if !isFailure {
		return err
	}
	return blobs.Replace(u.ctx, name, etag, body, metadata)
}

// failureAt returns the ETag of an entry that claims that its task has failed. Any writer
// of the scope can make that claim. If it is false, a success replaces a success.
func (c *Cache) failureAt(ctx context.Context, name string) (etag string, isFailure bool) {
	blob, err := c.options.Writes.Blobs.Get(ctx, name)
	if err != nil {
		return "", false // the entry stays as it is
	}
	_ = blob.Body.Close() // its metadata are enough
	claim, _, err := Entry{Metadata: blob.Metadata}.Claim()
	return blob.ETag, err == nil && claim.Code != 0
}
