package azure

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

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
		return nil, transport.Permanent(nil, "a request with a token was about to go to another host than its endpoint and was not sent: this is a bug, please report it")
	}
	return request.Next()
}
