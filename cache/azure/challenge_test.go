package azure_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
)

// recorder is a credential that records the options of its requests.
type recorder struct {
	mu        sync.Mutex
	requested []policy.TokenRequestOptions
}

func (a *recorder) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requested = append(a.requested, options)
	return azcore.AccessToken{Token: fmt.Sprintf("token-%d", len(a.requested)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

const challengeOf = "Bearer authorization_uri=https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/authorize resource_id="

// challenging responds to requests with challenges, as long as it has some.
func challenging(challenges ...string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		if n >= len(challenges) {
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.Header().Set("WWW-Authenticate", challenges[n])
		fail(w, http.StatusUnauthorized, "NoAuthenticationInformation")
	}
}

// A server that is not the storage receives a storage token with the first request. After
// its challenge, it receives no other token and no other request.
func TestForeignChallenge(t *testing.T) {
	for _, resource := range []string{
		"https://management.azure.com", "https://vault.azure.net", "https://graph.microsoft.com/", "api://attacker", "https://storage.azure.com.evil.example",
		"https://storage.azure.com:443", "\u202e",
	} {
		for name, first := range map[string]func(t *testing.T, c *azure.Container) error{
			"get":    func(t *testing.T, c *azure.Container) error { _, err := get(t, c, "a"); return err },
			"put":    func(t *testing.T, c *azure.Container) error { return put(t, c, "a", "content") },
			"delete": func(t *testing.T, c *azure.Container) error { return c.Delete(t.Context(), "a", "") },
			"inspect": func(t *testing.T, c *azure.Container) error {
				_, err := c.Properties(t.Context(), "a")
				return err
			},
			"list": func(t *testing.T, c *azure.Container) error {
				for _, err := range c.List(t.Context(), "") {
					return err
				}
				return nil
			},
		} {
			t.Run(name+" "+resource, func(t *testing.T) {
				t.Parallel()
				challenge := challengeOf + resource
				s := newTLSServer(t, challenging(challenge, challenge, challenge))
				signIn := new(recorder)
				c := signedIn(t, s, signIn)
				other, err := c.Sibling("others")
				if err != nil {
					t.Fatal(err)
				}
				err = first(t, c)
				want := fmt.Sprintf("%s/results is not Azure Storage: it requested a token for another service (%q), got none", s.URL, resource+"/.default")
				checkLine(t, err, want)
				if got := outcomeOf(err); got != configError {
					t.Errorf("got %s, want %s: it ends all requests", got, configError)
				}
				_, readErr := get(t, other, "b")
				for _, err := range []error{readErr, put(t, c, "b", "content")} {
					if err == nil || !strings.Contains(err.Error(), "is not Azure Storage: it requested a token for another service") {
						t.Errorf("after that, got %v, want the same error", err)
					}
				}
				if seen := s.seen(); len(seen) != 1 || seen[0].header.Get("Authorization") != "Bearer token-1" {
					t.Errorf("sent %d requests, want one", len(seen))
				}
				if len(signIn.requested) != 1 || signIn.requested[0].Scopes[0] != "https://storage.azure.com/.default" {
					t.Errorf("requested %+v, want a token of storage", signIn.requested)
				}
			})
		}
	}
}

// Unread parts of a blob that was opened before the challenge are not requested, either.
func TestForeignChallengeDuringADownload(t *testing.T) {
	s := newTLSServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			w.Header().Set("ETag", blobTag)
			w.Header().Set("Content-Range", "bytes 0-9/30")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "0123456789")
			return
		}
		w.Header().Set("WWW-Authenticate", challengeOf+"https://vault.azure.net")
		fail(w, http.StatusUnauthorized, "NoAuthenticationInformation")
	})
	c := open(t, azure.Options{
		Container: "results", Endpoint: s.URL, Credential: new(recorder), Transport: s.Client(),
		Ranges: download.Ranges{First: 10, Part: 10, Ahead: 2, Buffers: 2},
	})
	blob, err := c.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	other, err := c.Sibling("others") // whose clients have tokens of their own
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, other, "b"); err == nil {
		t.Fatal("got a blob")
	}
	content, err := io.ReadAll(blob.Body)
	if len(content) != 10 || err == nil || !strings.Contains(err.Error(), "is not Azure Storage") {
		t.Errorf("got %d bytes, %v; want the first ten and the reason for the missing ones", len(content), err)
	}
	if got := len(s.seen()); got != 2 {
		t.Errorf("sent %d requests, want two", got)
	}
}

// Genuine challenges of storage work as usual.
func TestChallengeOfStorage(t *testing.T) {
	claims := `{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`
	revoked := fmt.Sprintf(`Bearer authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="%s"`,
		base64.StdEncoding.EncodeToString([]byte(claims)))
	for name, test := range map[string]struct {
		challenges []string
		requested  int // tokens
		claims     string
	}{
		"as Azure writes it":         {[]string{challengeOf + "https://storage.azure.com"}, 1, ""},
		"with a slash":               {[]string{challengeOf + "https://storage.azure.com/"}, 1, ""},
		"of another tenant":          {[]string{strings.Replace(challengeOf, "1111", "9999", 1) + "https://storage.azure.com"}, 1, ""},
		"of another sign-in service": {[]string{"Bearer authorization_uri=https://login.evil.example/t/oauth2/authorize resource_id=https://storage.azure.com"}, 1, ""},
		"a revoked token":            {[]string{revoked}, 2, claims},
		"both":                       {[]string{challengeOf + "https://storage.azure.com", revoked}, 2, claims},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTLSServer(t, challenging(test.challenges...))
			signIn := new(recorder)
			if err := put(t, signedIn(t, s, signIn), "a", "content"); err != nil {
				t.Fatal(err)
			}
			last := signIn.requested[len(signIn.requested)-1]
			if len(signIn.requested) != test.requested || last.Claims != test.claims || last.TenantID != "" {
				t.Errorf("requested %+v, want %d tokens, the last one with the claims %q", signIn.requested, test.requested, test.claims)
			}
			seen := s.seen()
			if got := seen[len(seen)-1].header.Get("Authorization"); got != fmt.Sprintf("Bearer token-%d", test.requested) {
				t.Errorf("the last request had %q", got)
			}
		})
	}
}
