package azure

import (
	"context"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	// tokenMargin is how long before its end a token is replaced.
	tokenMargin = 5 * time.Minute
	// signInLimit ends a sign-in that some source stalls: azidentity's chain
	// needs 96 s to give up on a metadata address that answers 404.
	signInLimit = 20 * time.Second
	// signInPause is how long a failed sign-in stands for the requests that
	// follow it. Each attempt may cost seconds, and Nx asks hundreds of times.
	signInPause = time.Minute
)

// storageToken is what the SDK asks a credential for.
var storageToken = policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}, EnableCAE: true}

// DefaultCredential is azidentity's chain: environment, workload identity,
// managed identity, Azure CLI, Azure Developer CLI, Azure PowerShell.
func DefaultCredential(transport policy.Transporter) (azcore.TokenCredential, error) {
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: clientOptions(transport),
	})
}

// tokenCache asks a credential once for all that wait for its token. The
// credentials of command line tools start a process for each token and keep none.
type tokenCache struct {
	credential azcore.TokenCredential
	turn       chan struct{} // holds one value while somebody uses what follows

	scopes []string
	token  azcore.AccessToken
	failed error
	until  time.Time // of the failure
}

func newTokenCache(credential azcore.TokenCredential) *tokenCache {
	return &tokenCache{credential: credential, turn: make(chan struct{}, 1)}
}

// GetToken implements [azcore.TokenCredential].
func (t *tokenCache) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	// Not a Mutex: who waits here for another's sign-in may be cancelled.
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}

	// A claims challenge says that the token at hand is no longer good.
	if options.Claims == "" && slices.Equal(t.scopes, options.Scopes) {
		if time.Until(t.token.ExpiresOn) > tokenMargin {
			return t.token, nil
		}
		if time.Now().Before(t.until) {
			return azcore.AccessToken{}, t.failed
		}
	}
	limited, cancel := context.WithTimeout(ctx, signInLimit)
	defer cancel()
	token, err := t.credential.GetToken(limited, options)
	if err != nil {
		if ctx.Err() != nil {
			return azcore.AccessToken{}, ctx.Err()
		}
		t.scopes, t.token = options.Scopes, azcore.AccessToken{}
		t.failed, t.until = &signInError{err}, time.Now().Add(signInPause)
		return azcore.AccessToken{}, t.failed
	}
	t.scopes, t.token, t.failed, t.until = options.Scopes, token, nil, time.Time{}
	return token, nil
}

// signInError is a sign-in that failed. It has no Unwrap on purpose: a
// *azcore.ResponseError in it is an answer of the sign-in service, not of the
// storage.
type signInError struct{ err error }

func (e *signInError) Error() string { return e.err.Error() }
