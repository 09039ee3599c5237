package azure

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// tokenGuard is the last policy before a request is sent. Even if the SDK or this package
// has a bug, no token goes to a host other than the endpoint's, and nothing goes to a
// server that has requested a token for another service.
type tokenGuard struct {
	origin string // scheme, host and port of the endpoint
	tokens *signin.Tokens
}

// Do implements [policy.Policy].
func (g tokenGuard) Do(request *policy.Request) (*http.Response, error) {
	if err := g.tokens.Refused(); err != nil {
		return nil, err
	}
	if to := request.Raw().URL; to.Scheme+"://"+to.Host != g.origin {
		return nil, transport.Permanent(diagnostic.Bug, nil, "a request with a token was about to go to another host than its endpoint and was not sent: this is a bug, please report it")
	}
	return request.Next()
}
