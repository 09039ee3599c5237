package azure

import (
	"context"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// SendAstray sends a request of a container to another URL, past the token guard.
func SendAstray(ctx context.Context, c *Container, to string) error {
	at, err := url.Parse(c.explain.URL)
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
