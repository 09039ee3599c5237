// Package azure keeps blobs in a container of Azure Blob Storage. It is the
// only package of this module that knows the Azure SDK.
//
// On its main path it sends two kinds of requests, Get Blob (of ranges, several
// at once where a blob is large) and Put Blob, so that an identity which may
// read blobs and add new ones (or a SAS with sp=rc) is enough. There it never
// lists, never looks at the container itself, and never creates it. Listing and
// deleting are for people's commands.
package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

// MaxBlob is the largest body of one Put Blob, in bytes
// (learn.microsoft.com/rest/api/storageservices/put-blob, 5,000 MiB).
const MaxBlob = 5000 << 20

// Container is a [cache.Blobs].
type Container struct {
	name string
	// variable is the one that holds the connection string.
	variable string
	url      string // without a query
	clients  clients
	scrub    scrubber
	// sibling opens another one with the same options. It is a function, so that no
	// format verb shows those.
	sibling func(name string) (*Container, error)

	ranges  Ranges
	buffers *buffers
	stalls  *stalls

	transport policy.Transporter
	// trust is why the host may get tokens; "" where none is sent.
	trust HostTrust
}

var _ cache.Blobs = (*Container)(nil)

// Open prepares the use of a container; it sends nothing. The error says which
// option is wrong.
func Open(options Options) (*Container, error) {
	if err := CheckContainer(options.Container); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	if options.Limits == (Limits{}) {
		options.Limits = DefaultLimits
	}
	if options.Transport == nil {
		options.Transport = NewTransport(options.Limits, options.Environment)
	}
	if options.Ranges == (Ranges{}) {
		options.Ranges = DefaultRanges
	}
	c := &Container{
		name:      options.Container,
		variable:  cmp.Or(options.ConnectionVariable, "AZURE_STORAGE_CONNECTION_STRING"),
		ranges:    options.Ranges,
		buffers:   &buffers{size: options.Ranges.Part, max: descriptors.Share(16, options.Ranges.Buffers)},
		stalls:    newStalls(options.Limits.Stall),
		transport: options.Transport,
	}
	c.sibling = func(name string) (*Container, error) {
		options.Container = name
		options.tokens = c.clients.tokens
		return Open(options)
	}
	sdk := &blockblob.ClientOptions{ClientOptions: clientOptions(options.Transport)}
	sdk.PerCallPolicies = append(sdk.PerCallPolicies, naming{})
	var err error
	switch {
	case options.ConnectionString != "":
		err = c.useConnectionString(options.ConnectionString, sdk)
	case options.SASURL != "":
		err = c.useSAS(options.SASURL, sdk)
	default:
		err = c.useSignIn(options, sdk)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Sibling prepares the use of another container of the same account. Both share
// the sign-in, the connections and the memory.
func (c *Container) Sibling(name string) (*Container, error) {
	other, err := c.sibling(name)
	if err != nil {
		return nil, err
	}
	other.buffers, other.stalls = c.buffers, c.stalls
	return other, nil
}

func (c *Container) useConnectionString(secret Secret, sdk *blockblob.ClientOptions) error {
	parsed, err := ParseConnectionString(secret)
	if err != nil {
		return fmt.Errorf("the connection string in %s is not usable: %w", c.variable, err)
	}
	c.url = parsed.Endpoint + "/" + c.name
	if parsed.SAS != "" {
		return c.sendSAS(parsed.SAS, sdk)
	}
	c.scrub = newScrubber(parsed.Key)
	key, err := blob.NewSharedKeyCredential(parsed.Account, parsed.Key.Reveal())
	if err != nil {
		return fmt.Errorf("the connection string in %s is not usable: %s", c.variable, c.scrub(err.Error()))
	}
	_, err = makes(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClientWithSharedKeyCredential(c.url+"/"+anyName, key, sdk)
	})
	return err
}

func (c *Container) useSAS(secret Secret, sdk *blockblob.ClientOptions) error {
	parsed, err := ParseSASURL(secret)
	if err != nil {
		return fmt.Errorf("the SAS URL is not usable: %w", err)
	}
	c.url = parsed.Endpoint + "/" + c.name
	return c.sendSAS(parsed.Token, sdk)
}

// sendSAS adds a SAS to each request.
func (c *Container) sendSAS(token Secret, sdk *blockblob.ClientOptions) error {
	c.scrub = newScrubber(token)
	_, err := makes(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClientWithNoCredential(c.url+"/"+anyName+"?"+token.Reveal(), sdk)
	})
	if err != nil {
		return errors.New(c.scrub(err.Error()))
	}
	return nil
}

func (c *Container) useSignIn(options Options, sdk *blockblob.ClientOptions) error {
	at, in, err := options.account()
	if err != nil {
		return err
	}
	if options.sendsTokens() {
		if c.trust, err = options.TrustedHosts.trust(at); err != nil {
			return err
		}
	}
	c.url, c.scrub = at.String()+"/"+c.name, newScrubber()
	// Not sdk's options, whose policies name a blob.
	if c.clients.tokens, err = options.tokensFor(in, clientOptions(options.Transport)); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	sdk.PerRetryPolicies = append(sdk.PerRetryPolicies, tokenGuard{at.origin(), c.clients.tokens})
	// Each client keeps tokens of its own; these keep them for all.
	_, err = makes(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClient(c.url+"/"+anyName, c.clients.tokens, sdk)
	})
	if err != nil {
		return err
	}
	_, err = makes(&c.clients.nobody, func() (*blockblob.Client, error) { // its requests have no token to guard
		return blockblob.NewClientWithNoCredential(c.url+"/"+anyName, sdk)
	})
	return err
}

// URL is where the container is, without any secret.
func (c *Container) URL() string { return c.url }

// TokenHost is the host that gets the token of a sign-in, with its port unless that is
// the usual one, and why it may. Both are "" where no token is sent.
func (c *Container) TokenHost() (string, HostTrust) {
	if c.trust == "" {
		return "", ""
	}
	return strings.TrimSuffix(c.address(), ":443"), c.trust
}

// Warm does before the first request what that one would have to do: it signs
// in and opens a connection, which is kept for it for a while, at most until ctx
// ends. It sends the storage nothing. What fails will fail again where it is
// told.
func (c *Container) Warm(ctx context.Context) {
	var both sync.WaitGroup
	if c.clients.tokens != nil {
		both.Go(func() { _, _ = c.clients.tokens.GetToken(ctx, signin.Storage) })
	}
	if transport, ok := c.transport.(*Transport); ok {
		both.Go(func() { transport.warm(ctx, c.url) })
	}
	both.Wait()
}

// SignIn signs in, unless that is done, and tells how. Where a key or a SAS does
// without, the report is empty. The error is a [*signin.Error], or that of ctx.
func (c *Container) SignIn(ctx context.Context) (signin.Report, error) {
	if c.clients.tokens == nil {
		return signin.Report{}, nil
	}
	_, err := c.clients.tokens.GetToken(ctx, signin.Storage)
	return c.SignInReport(), err
}

// SignInReport is what is known of the sign-in so far.
func (c *Container) SignInReport() signin.Report {
	if c.clients.tokens == nil {
		return signin.Report{}
	}
	return c.clients.tokens.Report()
}

// principal is who sends the requests, as far as his token tells, or "".
func (c *Container) principal() string { return c.SignInReport().Principal }

// Put implements [cache.Blobs] with one Put Blob of known length: an identity
// that may create but not overwrite may do nothing else (Put Block needs
// blobs/write). Not UploadFile or UploadBuffer, which lose the condition above
// 256 MiB and overwrite (azblob 1.8.3).
func (c *Container) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	anyETag := azcore.ETagAny
	err := c.write(ctx, "put", name, blob.ModifiedAccessConditions{IfNoneMatch: &anyETag}, body, metadata)
	if _, refused := errors.AsType[*NotPermittedError](err); refused && c.exists(ctx, name) {
		return cache.ErrExists
	}
	return err
}

// exists reports whether a blob is there that must not be written. The service may
// look at rights before it looks at the condition: then an identity that may only
// create is told that it may not do this, not that there is such a blob. (For a SAS
// it does so, azure-cli#19203; for roles the documentation says neither.)
func (c *Container) exists(ctx context.Context, name string) bool {
	_, err := c.Properties(ctx, name)
	return err == nil
}

// Replace implements [cache.Blobs] with one Put Blob, If-Match. It needs
// blobs/write.
func (c *Container) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	match := azcore.ETag(etag)
	return c.write(ctx, "replace", name, blob.ModifiedAccessConditions{IfMatch: &match}, body, metadata)
}

func (c *Container) write(ctx context.Context, operation, name string, condition blob.ModifiedAccessConditions, body io.ReadSeeker, metadata cache.Metadata) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("%s %s: %w", operation, name, err)
	}
	if size > MaxBlob {
		return fmt.Errorf("%s %s: %d bytes are more than the %d that Azure takes at once", operation, name, size, int64(MaxBlob))
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s %s: %w", operation, name, err)
	}
	client, err := c.clients.lend(ctx, writes)
	if err != nil {
		return c.translate(ctx, operation, name, err)
	}
	defer client.end()
	_, err = client.Upload(named(ctx, name), keepOpen{body}, &blockblob.UploadOptions{
		Metadata:         pointers(metadata),
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &condition},
	})
	if err != nil {
		return c.translate(ctx, operation, name, err)
	}
	return nil
}

// keepOpen hides a body's Close from the SDK, which calls it between tries.
type keepOpen struct{ io.ReadSeeker }

func (keepOpen) Close() error { return nil }

func pointers(metadata cache.Metadata) map[string]*string {
	m := make(map[string]*string, len(metadata))
	for key, value := range metadata {
		m[key] = &value
	}
	return m
}
