package azure

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// clients are those of the SDK for a container, each for all blobs (see
// [naming]). A request has one of its own until it is answered: those of the SDK
// let a request wait for another's sign-in, and do not end that when the first is
// cancelled.
type clients struct {
	own    sync.Pool // of *blockblob.Client
	nobody sync.Pool // the same, without a credential

	// tokens are nil where no sign-in is needed.
	tokens *signin.Tokens
	// unsigned is why requests are those of nobody, while they are.
	unsigned atomic.Pointer[signin.Error]
}

// makes sets how clients are made, and makes the first.
func makes(pool *sync.Pool, make func() (*blockblob.Client, error)) (*blockblob.Client, error) {
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

// lent is a client for one request.
type lent struct {
	*blockblob.Client
	pool *sync.Pool
}

// end gives the client back.
func (l lent) end() { l.pool.Put(l.Client) }

// lend returns a client. Where nobody is set up to sign in, requests that read are
// sent without a sign-in: the container may be public. The error is a
// [*signin.Error], or that of ctx.
func (c *clients) lend(ctx context.Context, what access) (lent, error) {
	pool := &c.own
	if c.tokens != nil {
		_, err := c.tokens.GetToken(ctx, signin.Storage)
		failed, ok := errors.AsType[*signin.Error](err)
		switch {
		case ok && failed.Nobody() && what == reads:
			c.unsigned.Store(failed)
			pool = &c.nobody
		case err != nil:
			return lent{}, err
		default:
			c.unsigned.Store(nil)
		}
	}
	return lent{pool.Get().(*blockblob.Client), pool}, nil
}

// tokenGuard is the last policy before a request is sent. With it no mistake above, in
// the SDK or here, sends a token to another server than the one that was agreed on, nor
// anything to a server that has asked for a foreign token.
type tokenGuard struct {
	origin string // of the endpoint: its scheme, host and port
	tokens *signin.Tokens
}

// Do implements [policy.Policy].
func (g tokenGuard) Do(request *policy.Request) (*http.Response, error) {
	if err := g.tokens.Refused(); err != nil {
		return nil, err
	}
	if to := request.Raw().URL; to.Scheme+"://"+to.Host != g.origin {
		return nil, transport.Permanent(nil, "a request with a token was about to go to another host than its endpoint's, and was not sent: this is a bug, please report it")
	}
	return request.Next()
}
