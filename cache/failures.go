package cache

import (
	"context"
	"errors"
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// With NX_CACHE_FAILURES=true Nx hands over the results of tasks that have failed, too.
// A failure may be one of the machine or of a flaky test: an entry of it would repeat it
// on all machines. So it is neither stored nor used unless [Options].CacheFailures
// allows that, and a success replaces it.

// errFailure says that an entry is one of a task that has failed.
var errFailure = errors.New("its task has failed")

// replaceable is an entry that this process has met, and may replace.
type replaceable struct {
	etag      string
	isFailure bool // else it is damaged. Only a success replaces a failure
}

func (c *Cache) mayReplace(entry Entry, found replaceable) {
	if found.etag != "" {
		c.found.Store(Name(entry.Prefix, entry.Scope, entry.Hash), found)
	}
}

// write sends an entry. It replaces what this process has found damaged, and a success
// replaces a failure, where this identity may replace blobs.
func (c *Cache) write(u *upload, statement trust.Statement, body io.ReadSeeker, metadata Metadata) error {
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
	// Another machine has stored it since this run has asked.
	etag, isFailure := c.failureAt(u.ctx, name)
	if !isFailure {
		return err
	}
	return blobs.Replace(u.ctx, name, etag, body, metadata)
}

// failureAt returns the ETag of an entry if it says that its task has failed. Whoever
// may write could say so of any entry: believing it costs a replacement by a success.
func (c *Cache) failureAt(ctx context.Context, name string) (etag string, isFailure bool) {
	blob, err := c.options.Writes.Blobs.Get(ctx, name)
	if err != nil {
		return "", false // the entry stays as it is
	}
	_ = blob.Body.Close() // its metadata are enough
	claim, _, err := Entry{Metadata: blob.Metadata}.Claim()
	return blob.ETag, err == nil && claim.Code != 0
}
