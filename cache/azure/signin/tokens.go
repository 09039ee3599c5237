package signin

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/rs/zerolog"
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
var Storage = policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}, EnableCAE: true}

// Tokens are those of one identity, which is asked once for all that wait. The
// credentials of command line tools start a process for each token and keep none.
type Tokens struct {
	chain *chain
	held  atomic.Pointer[held]
	turn  chan struct{} // holds one value while somebody uses what follows

	failed error
	until  time.Time // of the failure
}

// held is a token that was given.
type held struct {
	scopes []string
	token  azcore.AccessToken
	fresh  time.Time // until when it need not be replaced
}

var _ azcore.TokenCredential = (*Tokens)(nil)

func newTokens(c *chain) *Tokens { return &Tokens{chain: c, turn: make(chan struct{}, 1)} }

// GetToken implements [azcore.TokenCredential]. The error is a [*Error], or that
// of ctx.
func (t *Tokens) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if it := t.usable(options); it != nil && time.Now().Before(it.fresh) {
		return it.token, nil
	}
	if !t.enter(ctx, options) {
		if it := t.usable(options); it != nil { // somebody else is replacing it
			return it.token, nil
		}
		return azcore.AccessToken{}, ctx.Err()
	}
	defer func() { <-t.turn }()

	it, now := t.usable(options), time.Now()
	if it != nil && now.Before(it.fresh) {
		return it.token, nil
	}
	if t.failed == nil || now.After(t.until) || options.Claims != "" {
		token, err := t.ask(ctx, options)
		if err == nil {
			t.held.Store(&held{options.Scopes, token, now.Add(freshFor(token, now))})
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
	if it == nil || options.Claims != "" || !slices.Equal(it.scopes, options.Scopes) || time.Now().After(it.token.ExpiresOn) {
		return nil
	}
	return it
}

// enter waits for the turn to ask. It does not where there is a token that lives,
// nor longer than ctx: not a Mutex, for who waits here for another's sign-in may
// be cancelled.
func (t *Tokens) enter(ctx context.Context, options policy.TokenRequestOptions) bool {
	select {
	case t.turn <- struct{}{}:
		return true
	default:
	}
	if t.usable(options) != nil {
		return false
	}
	select {
	case t.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask asks the chain, and keeps why it failed.
func (t *Tokens) ask(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	limited, cancel := context.WithTimeout(ctx, totalLimit)
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
func (t *Tokens) Report() Report { return t.chain.told() }
