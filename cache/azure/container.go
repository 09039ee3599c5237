// Package azure keeps blobs in a container of Azure Blob Storage.
//
// A run sends only two kinds of requests: Get Blob (in ranges, several at once for a
// large blob) and Put Blob. So an identity that may read blobs and add new ones, or a SAS
// with sp=rc, is enough. A run never lists, and neither inspects nor creates the
// container. Listing and deleting are for the commands.
//
// The package sends requests with the Azure SDK. It leaves connections to package
// transport, ranges and their retries to package download, and error lines to package
// explain. It must not know what a blob means to the cache.
package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// MaxBlob is the largest body of one Put Blob, in bytes
// (learn.microsoft.com/rest/api/storageservices/put-blob, 5,000 MiB).
const MaxBlob = 5000 << 20

// Container is a [cache.Blobs].
type Container struct {
	explain explain.Container
	clients clients
	// sibling opens another container with the same options. It is a function so that no
	// format verb prints them.
	sibling func(name string) (*Container, error)

	downloads *download.Downloads
	transport policy.Transporter
	// trust is why the host may receive tokens; "" if none are sent.
	trust endpoint.HostTrust
}

var _ cache.Blobs = (*Container)(nil)

// Open prepares the use of a container and sends nothing. The error names the option that
// is wrong.
func Open(options Options) (*Container, error) {
	if err := endpoint.CheckContainer(options.Container); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	if options.Limits == (transport.Limits{}) {
		options.Limits = transport.DefaultLimits
	}
	if options.Transport == nil {
		options.Transport = transport.New(options.Limits, options.Environment)
	}
	if options.Ranges == (download.Ranges{}) {
		options.Ranges = download.DefaultRanges
	}
	c := &Container{
		explain: explain.Container{
			Name:     options.Container,
			Use:      options.Use,
			Variable: cmp.Or(options.ConnectionVariable, "AZURE_STORAGE_CONNECTION_STRING"),
		},
		downloads: download.New(options.Ranges, options.Limits.Stall),
		transport: options.Transport,
	}
	c.explain.Transport, _ = options.Transport.(*transport.Transport)
	c.explain.Principal = func() string { return c.SignInReport().Principal }
	c.explain.AnonymousReason = func() *signin.Error { return c.clients.anonymousReason.Load() }
	c.sibling = func(name string) (*Container, error) {
		options.Container = name
		options.tokens = c.clients.tokens
		return Open(options)
	}
	sdk := &blockblob.ClientOptions{ClientOptions: clientOptions(options.Transport)}
	sdk.PerCallPolicies = append(sdk.PerCallPolicies, blobNamePolicy{})
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

// SASCommand is the command that creates a SAS with these permissions, for people.
func (c *Container) SASCommand(permissions string) string { return c.explain.SASCommand(permissions) }

// Sibling prepares the use of another container of the same account. Both share the
// sign-in, the connections and the memory.
func (c *Container) Sibling(name string) (*Container, error) {
	other, err := c.sibling(name)
	if err != nil {
		return nil, err
	}
	other.downloads = c.downloads
	return other, nil
}

func (c *Container) useConnectionString(secret endpoint.Secret, sdk *blockblob.ClientOptions) error {
	parsed, err := endpoint.ParseConnectionString(secret)
	if err != nil {
		return diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("the connection string in %s is invalid: %w", c.explain.Variable, err))
	}
	c.explain.URL = parsed.Endpoint + "/" + c.explain.Name
	if parsed.SAS != "" {
		return c.sendSAS(parsed.SAS, sdk)
	}
	c.explain.Scrub = endpoint.NewScrubber(parsed.Key)
	key, err := blob.NewSharedKeyCredential(parsed.Account, parsed.Key.Reveal())
	if err != nil {
		return diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("the connection string in %s is invalid: %s", c.explain.Variable, c.explain.Scrub(err.Error())))
	}
	_, err = initPool(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClientWithSharedKeyCredential(c.explain.URL+"/"+placeholderName, key, sdk)
	})
	return err
}

func (c *Container) useSAS(secret endpoint.Secret, sdk *blockblob.ClientOptions) error {
	parsed, err := endpoint.ParseSASURL(secret)
	if err != nil {
		return diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("the SAS URL is invalid: %w", err))
	}
	c.explain.URL = parsed.Endpoint + "/" + c.explain.Name
	return c.sendSAS(parsed.Token, sdk)
}

// sendSAS adds a SAS to each request.
func (c *Container) sendSAS(token endpoint.Secret, sdk *blockblob.ClientOptions) error {
	c.explain.Scrub = endpoint.NewScrubber(token)
	_, err := initPool(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClientWithNoCredential(c.explain.URL+"/"+placeholderName+"?"+token.Reveal(), sdk)
	})
	if err != nil {
		return errors.New(c.explain.Scrub(err.Error()))
	}
	return nil
}

func (c *Container) useSignIn(options Options, sdk *blockblob.ClientOptions) error {
	at, in, err := options.account()
	if err != nil {
		return err
	}
	if options.sendsTokens() {
		if c.trust, err = options.TrustedHosts.Trust(at); err != nil {
			return err
		}
	}
	c.explain.URL, c.explain.Scrub = at.String()+"/"+c.explain.Name, endpoint.NewScrubber()
	// Not the options in sdk: their policies insert the name of a blob.
	if c.clients.tokens, err = options.tokensFor(in, clientOptions(options.Transport)); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	sdk.PerRetryPolicies = append(sdk.PerRetryPolicies, tokenGuard{at.Origin(), c.clients.tokens})
	// Each client caches tokens of its own; c.clients.tokens caches them for all.
	_, err = initPool(&c.clients.own, func() (*blockblob.Client, error) {
		return blockblob.NewClient(c.explain.URL+"/"+placeholderName, c.clients.tokens, sdk)
	})
	if err != nil {
		return err
	}
	_, err = initPool(&c.clients.anonymous, func() (*blockblob.Client, error) { // these requests carry no token to guard
		return blockblob.NewClientWithNoCredential(c.explain.URL+"/"+placeholderName, sdk)
	})
	return err
}

// URL is the URL of the container, without any secret.
func (c *Container) URL() string { return c.explain.URL }

// TokenHost returns the host that receives tokens, and why it may. The host includes its
// port unless that is 443. Both are "" if no token is sent.
func (c *Container) TokenHost() (string, endpoint.HostTrust) {
	if c.trust == "" {
		return "", ""
	}
	return strings.TrimSuffix(c.explain.Address(), ":443"), c.trust
}

// Warm signs in and opens a connection, so that the first request need not. The
// connection is kept for a while, at most until ctx ends. Warm sends no request to the
// storage. It reports no errors: the first request fails in the same way.
func (c *Container) Warm(ctx context.Context) {
	var both sync.WaitGroup
	if c.clients.tokens != nil {
		both.Go(func() { _, _ = c.clients.tokens.GetToken(ctx, signin.Storage) })
	}
	if c.explain.Transport != nil {
		both.Go(func() { c.explain.Transport.Warm(ctx, c.explain.URL) })
	}
	both.Wait()
}

// SignIn signs in, if that is not done yet, and reports how. With a key or a SAS the
// report is empty. The error is a [*signin.Error], or that of ctx.
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
