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
	// margin is how long before its end a token is replaced, at most: of one that
	// lives shorter, half its life.
	margin = 5 * time.Minute
	// totalLimit ends a search in which several sources use up their limits.
	totalLimit = 20 * time.Second
	// pause is how long a sign-in that failed stands for the requests that
	// follow it. Each attempt may cost seconds, and Nx asks hundreds of times.
	pause = time.Minute
)

// Limit is the longest time that a sign-in takes.
const Limit = totalLimit

// Storage is what a token is asked for.
var Storage = policy.TokenRequestOptions{Scopes: []string{storageResource + defaultScope}, EnableCAE: true}

const (
	// storageResource is the same in all clouds
	// (learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory).
	storageResource = "https://storage.azure.com"
	defaultScope    = "/.default"
)

// Tokens are those of one identity, which is asked once for all that wait. The
// credentials of command line tools start a process for each token and keep none.
type Tokens struct {
	chain *chain
	held  atomic.Pointer[held]
	// foreign is set once a server has asked for a token of another service. From then
	// on no token is given: that server is not Azure Storage.
	foreign atomic.Pointer[ForeignScopeError]
	slot    chan struct{} // holds one value while a goroutine uses the fields below

	failed error
	until  time.Time // of the failure
}

// held is a token that was given.
type held struct {
	token azcore.AccessToken
	fresh time.Time // until when it need not be replaced
}

var _ azcore.TokenCredential = (*Tokens)(nil)

func newTokens(c *chain) *Tokens { return &Tokens{chain: c, slot: make(chan struct{}, 1)} }

// ForeignScopeError says that a server has asked for a token of a service other than
// Azure Storage.
type ForeignScopeError struct{ Scope string } // as the server spells it: any text

func (e *ForeignScopeError) Error() string {
	return fmt.Sprintf("a server requested a token for %q and got none: tokens are for Azure Storage only", e.Scope)
}

// NonRetriable tells azcore's retry policy that another try is in vain.
func (*ForeignScopeError) NonRetriable() {}

// isStorage reports whether a scope is that of Azure Storage, which is one for all
// clouds. azblob makes a scope of what the server names in WWW-Authenticate, which may
// end with a slash.
func isStorage(scope string) bool {
	resource, ok := strings.CutSuffix(scope, defaultScope)
	return ok && strings.TrimRight(resource, "/") == storageResource
}

// storageOnly is what a token is asked for by. The scope and the tenant may be the word
// of a server: the scope must be that of storage, and the tenant is always our own.
func storageOnly(options policy.TokenRequestOptions) (policy.TokenRequestOptions, error) {
	for _, scope := range options.Scopes {
		if !isStorage(scope) {
			return options, &ForeignScopeError{scope}
		}
	}
	options.Scopes, options.TenantID = Storage.Scopes, ""
	return options, nil
}

// Refused returns the [*ForeignScopeError] after which no token is given, or nil.
func (t *Tokens) Refused() error {
	if refused := t.foreign.Load(); refused != nil {
		return refused
	}
	return nil
}

// GetToken implements [azcore.TokenCredential]. It gives tokens of Azure Storage only.
// The error is a [*Error], a [*ForeignScopeError], or that of ctx.
func (t *Tokens) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	options, err := storageOnly(options)
	if refused, ok := errors.AsType[*ForeignScopeError](err); ok {
		t.foreign.CompareAndSwap(nil, refused)
	}
	if err := t.Refused(); err != nil {
		return azcore.AccessToken{}, err
	}
	if it := t.usable(options); it != nil && time.Now().Before(it.fresh) {
		return it.token, nil
	}
	if !t.enter(ctx, options) {
		if it := t.usable(options); it != nil { // somebody else is replacing it
			return it.token, nil
		}
		return azcore.AccessToken{}, ctx.Err()
	}
	defer func() { <-t.slot }()

	it, now := t.usable(options), time.Now()
	if it != nil && now.Before(it.fresh) {
		return it.token, nil
	}
	if t.failed == nil || now.After(t.until) || options.Claims != "" {
		token, err := t.ask(ctx, options)
		if err == nil {
			t.held.Store(&held{token, now.Add(freshFor(token, now))})
			return token, nil
		}
		if ctx.Err() != nil {
			return azcore.AccessToken{}, ctx.Err()
		}
	}
	if it != nil { // it lives on
		return it.token, nil
	}
	return azcore.AccessToken{}, t.failed
}

// usable returns the token at hand, or nil where there is none that lives. A claims
// challenge says that it is no longer good.
func (t *Tokens) usable(options policy.TokenRequestOptions) *held {
	it := t.held.Load()
	if it == nil || options.Claims != "" || time.Now().After(it.token.ExpiresOn) {
		return nil
	}
	return it
}

// enter waits for the turn to ask. It does not where there is a token that lives,
// nor longer than ctx: not a Mutex, for who waits here for another's sign-in may
// be cancelled.
func (t *Tokens) enter(ctx context.Context, options policy.TokenRequestOptions) bool {
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

// ask asks the chain, and keeps why it failed.
func (t *Tokens) ask(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
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

// freshFor is how long a token is used before it is replaced: until shortly
// before its end, or when its issuer would like it to be.
func freshFor(token azcore.AccessToken, now time.Time) time.Duration {
	life := token.ExpiresOn.Sub(now)
	fresh := max(life-margin, life/2)
	if token.RefreshOn.After(now) {
		fresh = min(fresh, token.RefreshOn.Sub(now))
	}
	return fresh
}

// log tells who signs in, and how that was found.
func (t *Tokens) log(ctx context.Context) {
	log, r := zerolog.Ctx(ctx), t.Report()
	log.Info().Str("credential", r.Source).Str("principal", r.Principal).Dur("took", r.Took).Msg("signed in")
	for _, s := range r.Steps {
		log.Debug().Str("credential", s.Source).Str("outcome", string(s.Outcome)).Dur("took", s.Took).Str("detail", s.Detail).Msg("sign-in")
	}
}

// Report is what is known of the sign-in so far.
func (t *Tokens) Report() Report { return t.chain.lastReport() }
