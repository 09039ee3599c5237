package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

const (
	// margin is how long before its expiry a token is replaced, but at most half its life.
	margin = 5 * time.Minute
	// totalLimit ends a search in which several sources use up their limits.
	totalLimit = 20 * time.Second
	// pause is how long a failed sign-in is reused for later requests. A sign-in may take
	// seconds, and Nx sends hundreds of requests.
	pause = time.Minute
)

// Limit is the longest time that a sign-in takes.
const Limit = totalLimit

// Storage are the options of every token request.
var Storage = policy.TokenRequestOptions{Scopes: []string{storageResource + defaultScope}, EnableCAE: true}

const (
	// storageResource is the same in all clouds
	// (learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory).
	storageResource = "https://storage.azure.com"
	defaultScope    = "/.default"
)

// Tokens caches the tokens of one identity, and signs in once for all requests that wait.
// The credentials of command line tools start a process for each token and cache none.
type Tokens struct {
	chain *chain
	held  atomic.Pointer[heldToken]
	// foreign is set once a server has requested a token for another service. From then on
	// no token is returned: that server is not Azure Storage.
	foreign atomic.Pointer[ForeignScopeError]
	slot    chan struct{} // a semaphore: held by the goroutine that uses the fields below

	failed error
	until  time.Time // how long the failure is reused
}

// heldToken is a cached token.
type heldToken struct {
	token azcore.AccessToken
	fresh time.Time // when it should be replaced
}

var _ azcore.TokenCredential = (*Tokens)(nil)

func newTokens(c *chain) *Tokens { return &Tokens{chain: c, slot: make(chan struct{}, 1)} }

// ForeignScopeError reports that a server requested a token for a service other than
// Azure Storage.
type ForeignScopeError struct{ Scope string } // as the server spells it: any string

func (e *ForeignScopeError) Error() string {
	return fmt.Sprintf("a server requested a token for %q and got none: tokens are for Azure Storage only", e.Scope)
}

// NonRetriable tells azcore's retry policy that a retry is useless.
func (*ForeignScopeError) NonRetriable() {}

// isStorage reports whether a scope is that of Azure Storage, which is the same in all
// clouds. azblob derives a scope from the server's WWW-Authenticate, which may end with a
// slash.
func isStorage(scope string) bool {
	resource, ok := strings.CutSuffix(scope, defaultScope)
	return ok && strings.TrimRight(resource, "/") == storageResource
}

// storageOnly restricts the options of a token request. A server can choose scope and
// tenant: the scope must be that of storage, and the tenant is always our own.
func storageOnly(options policy.TokenRequestOptions) (policy.TokenRequestOptions, error) {
	for _, scope := range options.Scopes {
		if !isStorage(scope) {
			return options, &ForeignScopeError{scope}
		}
	}
	options.Scopes, options.TenantID = Storage.Scopes, ""
	return options, nil
}

// Refused returns the [*ForeignScopeError] since which no token is returned, or nil.
func (t *Tokens) Refused() error {
	if refused := t.foreign.Load(); refused != nil {
		return refused
	}
	return nil
}

// GetToken implements [azcore.TokenCredential]. It returns tokens for Azure Storage only.
// The error is a [*Error], a [*ForeignScopeError], or that of ctx.
func (t *Tokens) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	options, err := storageOnly(options)
	if refused, ok := errors.AsType[*ForeignScopeError](err); ok {
		t.foreign.CompareAndSwap(nil, refused)
	}
	if err := t.Refused(); err != nil {
		return azcore.AccessToken{}, err
	}
	if current := t.usable(options); current != nil && time.Now().Before(current.fresh) {
		return current.token, nil
	}
	if !t.acquire(ctx, options) {
		if current := t.usable(options); current != nil { // another goroutine is replacing it
			return current.token, nil
		}
		return azcore.AccessToken{}, ctx.Err()
	}
	defer func() { <-t.slot }()

	current, now := t.usable(options), time.Now()
	if current != nil && now.Before(current.fresh) {
		return current.token, nil
	}
	if t.failed == nil || now.After(t.until) || options.Claims != "" {
		token, err := t.refresh(ctx, options)
		if err == nil {
			t.held.Store(&heldToken{token, now.Add(freshFor(token, now))})
			return token, nil
		}
		if ctx.Err() != nil {
			return azcore.AccessToken{}, ctx.Err()
		}
	}
	if current != nil { // it is still valid
		return current.token, nil
	}
	return azcore.AccessToken{}, t.failed
}

// usable returns the cached token, or nil if it has expired. A claims challenge means
// that it is no longer valid.
func (t *Tokens) usable(options policy.TokenRequestOptions) *heldToken {
	current := t.held.Load()
	if current == nil || options.Claims != "" || time.Now().After(current.token.ExpiresOn) {
		return nil
	}
	return current
}

// acquire waits for the semaphore, but not if there is a valid token, nor longer than
// ctx. Not a Mutex: a request that waits for another's sign-in may be cancelled.
func (t *Tokens) acquire(ctx context.Context, options policy.TokenRequestOptions) bool {
	select {
	case t.slot <- struct{}{}:
		return true
	default:
	}
	if t.usable(options) != nil {
		return false
	}
	select {
	case t.slot <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// refresh runs the chain, and keeps the error if it fails.
func (t *Tokens) refresh(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	limited, cancel := awake.WithTimeout(ctx, totalLimit)
	defer cancel()
	token, err := t.chain.token(limited, options)
	if ctx.Err() != nil {
		return azcore.AccessToken{}, ctx.Err()
	}
	if err != nil {
		t.failed, t.until = err, time.Now().Add(pause)
		return azcore.AccessToken{}, err
	}
	t.failed = nil
	if t.held.Load() == nil {
		t.log(ctx)
	}
	return token, nil
}

// freshFor is how long a token is used before it is replaced: until shortly before its
// expiry, or when its issuer recommends.
func freshFor(token azcore.AccessToken, now time.Time) time.Duration {
	life := token.ExpiresOn.Sub(now)
	fresh := max(life-margin, life/2)
	if token.RefreshOn.After(now) {
		fresh = min(fresh, token.RefreshOn.Sub(now))
	}
	return fresh
}

// log logs who signs in, and how the source was found.
func (t *Tokens) log(ctx context.Context) {
	log, r := zerolog.Ctx(ctx), t.Report()
	log.Info().Str("credential", r.Source).Str("principal", r.Principal).Dur("took", r.Took).Msg("signed in")
	for _, s := range r.Steps {
		log.Debug().Str("credential", s.Source).Str("outcome", string(s.Outcome)).Dur("took", s.Took).Str("detail", s.Detail).Msg("sign-in")
	}
}

// Report is what is known of the sign-in so far.
func (t *Tokens) Report() Report { return t.chain.lastReport() }
