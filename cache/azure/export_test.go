package azure

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// SendAstray sends a request of a container to another URL, past the guard of its
// tokens.
func SendAstray(ctx context.Context, c *Container, to string) error {
	at, err := url.Parse(c.url)
	if err != nil {
		return err
	}
	request, err := runtime.NewRequest(ctx, http.MethodGet, to)
	if err != nil {
		return err
	}
	guard := tokenGuard{at.Scheme + "://" + at.Host, c.clients.tokens}
	options := policy.ClientOptions{Transport: c.transport, PerRetryPolicies: []policy.Policy{guard}}
	_, err = runtime.NewPipeline("test", "", runtime.PipelineOptions{}, &options).Do(request)
	return err
}

// PublicHint is what a refusal says of the address that a host leads to.
func PublicHint(host string, at netip.Addr) string { return publicHint(host, at) }

// Peer is where the last connection to an address led to.
func (t *Transport) Peer(address string) netip.Addr { return t.dialer.peer(address) }

// Explain is what a request to a URL fails with where err is why.
func Explain(e Environment, to *url.URL, err error) error {
	return explained{environment: e}.explain(to, err)
}

// AccountAt is how commands name the account of a container.
func AccountAt(url string) string { return (&Container{url: url}).account() }

var meaningNames = map[meaning]string{aboutBlob: "blob", aboutAccess: "access", aboutService: "service", aboutRequest: "request"}

// MeaningOf is that of a code in the table; "" where it has none.
func MeaningOf(code string) string {
	if it, ok := meanings[bloberror.Code(code)]; ok {
		return meaningNames[it]
	}
	return ""
}

// Meanings are those of all codes.
func Meanings() map[string]string {
	all := make(map[string]string)
	for code, it := range meanings {
		all[string(code)] = meaningNames[it]
	}
	return all
}
