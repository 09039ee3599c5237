package azure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// clients are the SDK's clients for a container, each for all blobs (see
// [blobNamePolicy]). Every request leases one of its own: if two requests share a client,
// one waits for the other's sign-in and cannot be cancelled meanwhile.
type clients struct {
	own       sync.Pool // of *blockblob.Client
	anonymous sync.Pool // the same, without a credential

	// tokens is nil if no sign-in is needed.
	tokens *signin.Tokens
	// anonymousReason is why requests are anonymous; nil if they are not.
	anonymousReason atomic.Pointer[signin.Error]
}

// initPool sets how clients are made, and makes the first one.
func initPool(pool *sync.Pool, make func() (*blockblob.Client, error)) (*blockblob.Client, error) {
	first, err := make()
	if err != nil {
		return nil, err
	}
	pool.New = func() any {
		client, err := make()
		if err != nil {
			panic(err) // the first one was made in the same way
		}
		return client
	}
	pool.Put(first)
	return first, nil
}

// access is what a request does.
type access int

const (
	reads access = iota
	writes
)

// lease is a client for one request.
type lease struct {
	*blockblob.Client
	pool *sync.Pool
}

// release returns the client to its pool.
func (l lease) release() { l.pool.Put(l.Client) }

// acquire returns a client. If no credential is set up, reads are sent anonymously: the
// container may be public. The error is a [*signin.Error], or that of ctx.
func (c *clients) acquire(ctx context.Context, what access) (lease, error) {
	pool := &c.own
	if c.tokens != nil {
		_, err := c.tokens.GetToken(ctx, signin.Storage)
		failed, ok := errors.AsType[*signin.Error](err)
		switch {
		case ok && failed.NoneSetUp() && what == reads:
			c.anonymousReason.Store(failed)
			pool = &c.anonymous
		case err != nil:
			return lease{}, err
		default:
			c.anonymousReason.Store(nil)
		}
	}
	return lease{pool.Get().(*blockblob.Client), pool}, nil
}
