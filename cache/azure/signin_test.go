package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// credential counts its sign-ins.
type credential struct {
	asked atomic.Int64
	sign  func(ctx context.Context, n int64) (azcore.AccessToken, error) // n from 1
}

func (c *credential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return c.sign(ctx, c.asked.Add(1))
}

// validFor returns the tokens token-1, token-2, …, each valid for d.
func validFor(d time.Duration) *credential {
	return &credential{sign: func(_ context.Context, n int64) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: fmt.Sprintf("token-%d", n), ExpiresOn: time.Now().Add(d)}, nil
	}}
}

// signedIn opens a container of a TLS server with a credential.
func signedIn(t *testing.T, s *server, credential azcore.TokenCredential) *azure.Container {
	t.Helper()
	return open(t, azure.Options{Container: "results", Endpoint: s.URL, Credential: credential, Transport: s.Client()})
}

func ok(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// together runs f for each number below n at the same time.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func TestTokenIsSentAndRequestedOnce(t *testing.T) {
	s := newTLSServer(t, ok)
	signIn := validFor(time.Hour)
	c := signedIn(t, s, signIn)
	together(50, func(i int) {
		if _, err := get(t, c, fmt.Sprintf("v1/shared/%d", i)); err != nil {
			t.Error(err)
		}
	})
	if got := signIn.asked.Load(); got != 1 {
		t.Errorf("got %d sign-ins for 50 gets, want 1", got)
	}
	requests := s.seen()
	if len(requests) != 50 {
		t.Errorf("got %d requests, want 50", len(requests))
	}
	for _, r := range requests {
		if got := r.header.Get("Authorization"); got != "Bearer token-1" {
			t.Errorf("got Authorization %q, want the token", got)
		}
		if !strings.HasPrefix(r.path, "/results/v1/shared/") {
			t.Errorf("got path %s, want one below the container", r.path)
		}
	}
}

// Conditional access may revoke a token before it expires (CAE).
func TestRevokedToken(t *testing.T) {
	s := newTLSServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			// {"access_token":{"nbf":{"essential":true,"value":"1"}}}
			w.Header().Set("WWW-Authenticate", `Bearer realm="", error="insufficient_claims", `+
				`claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ=="`)
			fail(w, http.StatusUnauthorized, "InvalidAuthenticationInfo")
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	signIn := validFor(time.Hour)
	c := signedIn(t, s, signIn)
	for range 2 {
		if _, err := get(t, c, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if got := signIn.asked.Load(); got != 2 {
		t.Errorf("got %d sign-ins, want 2: one, and one after the token was revoked", got)
	}
}

func TestFailedSignIn(t *testing.T) {
	s := newTLSServer(t, ok)
	signIn := &credential{sign: func(context.Context, int64) (azcore.AccessToken, error) {
		// The error of azidentity contains a response of the sign-in service, which says
		// nothing about blobs.
		return azcore.AccessToken{}, fmt.Errorf("no tenant: %w", &azcore.ResponseError{StatusCode: 404, ErrorCode: "BlobNotFound"})
	}}
	c := signedIn(t, s, signIn)
	begin := time.Now()
	together(50, func(i int) {
		_, err := get(t, c, fmt.Sprint(i))
		if got := outcomeOf(err); got != configError {
			t.Errorf("got %s (%v), want %s", got, err, configError)
		} else if !strings.Contains(err.Error(), "nx-azure-cache doctor") || !strings.Contains(err.Error(), "no tenant") {
			t.Errorf("got %v, want an error with the cause and the fix", err)
		}
		diagnostictest.CheckError(t, err)
	})
	if got := signIn.asked.Load(); got != 1 {
		t.Errorf("got %d sign-ins for 50 gets, want 1", got)
	}
	if got := len(s.seen()); got != 0 {
		t.Errorf("got %d requests without a token, want none", got)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s: it was retried", took)
	}
}

// A cancelled request does not count as a failed sign-in.
func TestSignInThatIsCancelled(t *testing.T) {
	s := newTLSServer(t, ok)
	signing := make(chan struct{})
	signIn := &credential{sign: func(ctx context.Context, n int64) (azcore.AccessToken, error) {
		if n == 1 {
			close(signing)
			<-ctx.Done()
			return azcore.AccessToken{}, ctx.Err()
		}
		return azcore.AccessToken{Token: "good", ExpiresOn: time.Now().Add(time.Hour)}, nil
	}}
	c := signedIn(t, s, signIn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	first := make(chan error)
	go func() {
		_, err := c.Get(ctx, "a")
		first <- err
	}()
	<-signing

	// A request that waits for the sign-in of the first one may be cancelled before it
	// ends.
	waiting, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer leave()
	if _, err := c.Get(waiting, "b"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := get(t, c, "c"); err != nil {
		t.Errorf("the next request got %v, want a sign-in of its own", err)
	}
}
