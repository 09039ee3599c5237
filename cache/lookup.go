package cache

import (
	"context"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// lookup is the request for a result in one place.
type lookup struct {
	place Place
	blob  chan *Blob // receives the blob, or is closed once err is set
	err   error
}

// lookUp requests the result of hash from all places at once, so that a miss takes the
// time of one request.
func (c *Cache) lookUp(ctx context.Context, hash string) (lookups []*lookup) {
	for _, place := range c.options.Reads {
		l := &lookup{place: place, blob: make(chan *Blob, 1)}
		lookups = append(lookups, l)
		if len(lookups) > 1 {
			go l.get(ctx, Name(c.options.Prefix, place.Scope, hash))
		}
	}
	// The caller waits for the first one in any case.
	lookups[0].get(ctx, Name(c.options.Prefix, lookups[0].place.Scope, hash))
	return lookups
}

func (l *lookup) get(ctx context.Context, name string) {
	defer close(l.blob)
	blob, err := l.place.Blobs.Get(ctx, name)
	if err != nil {
		l.err = err
		return
	}
	l.blob <- blob
}

// wait waits for the response. The caller closes the blob's body.
func (l *lookup) wait() (*Blob, error) {
	if blob, ok := <-l.blob; ok {
		return blob, nil
	}
	if l.err != nil {
		return nil, l.err
	}
	return nil, ErrNotFound
}

// abandon closes the body of a response that no caller has waited for. It does not
// wait for a response that is still to come.
func (l *lookup) abandon() {
	closeBody := func(blob *Blob) {
		if blob != nil {
			_ = blob.Body.Close() // unread
		}
	}
	select {
	case blob := <-l.blob:
		closeBody(blob)
	default:
		go func() { closeBody(<-l.blob) }()
	}
}

// Backfills reports whether results of Nx's local cache may be stored. They may come from
// anywhere, such as a cache that a pull request has filled. So only developers' machines
// store them, in the scope that only developers read.
func (c *Cache) Backfills() bool {
	return c.options.Mode == ReadWrite && c.options.Writes.Scope == trust.Local
}

// Folder makes or returns the folder of this process in a cache directory. The error says
// why the directory cannot be used.
func (c *Cache) Folder(cacheDirectory string) (*scratch.Folder, error) {
	return c.folders.Open(cacheDirectory)
}

// IsStored reports whether a place has an entry for hash. It does not verify the entry. It
// looks in the scope of the run first, where most results of this machine are.
func (c *Cache) IsStored(ctx context.Context, hash string) (bool, error) {
	if err := taskhash.Check(hash); err != nil {
		return false, err
	}
	for _, place := range slices.Backward(c.options.Reads) {
		exists, err := place.Blobs.Exists(ctx, Name(c.options.Prefix, place.Scope, hash))
		switch {
		case err != nil:
			if ctx.Err() == nil { // otherwise it is a consequence of the end, or of an earlier failure
				c.counters.failed.Add(1)
			}
			return false, err
		case exists:
			c.counters.existing.Add(1)
			return true, nil
		}
	}
	return false, nil
}
