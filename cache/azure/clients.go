package azure

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// clients are those of the SDK for a container, each for all blobs (see
// [blobNamePolicy]). A request has one of its own until it is answered: those of the SDK
// let a request wait for another's sign-in, and do not end that when the first is
// cancelled.
type clients struct {
	own       sync.Pool // of *blockblob.Client
	anonymous sync.Pool // the same, without a credential

	// tokens are nil where no sign-in is needed.
	tokens *signin.Tokens
	// anonymousReason is why requests are those of nobody, while they are.
	anonymousReason atomic.Pointer[signin.Error]
}

// initPool sets how clients are made, and makes the first.
func initPool(pool *sync.Pool, make func() (*blockblob.Client, error)) (*blockblob.Client, error) {
	first, err := make()
	if err != nil {
		return nil, err
	}
	pool.New = func() any {
		client, err := make()
		if err != nil {
			panic(err) // the first was made in the same way
		}
		return client
	}
	pool.Put(first)
	return first, nil
}

// access is what a request does to a container.
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

// acquire returns a client. Where nobody is set up to sign in, requests that read are
// sent without a sign-in: the container may be public. The error is a
// [*signin.Error], or that of ctx.
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
