package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// fakeCredential counts its requests.
type fakeCredential struct {
	requests atomic.Int64
	get      func(ctx context.Context, n int64) (azcore.AccessToken, error) // n from 1
}

func (c *fakeCredential) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return c.get(ctx, c.requests.Add(1))
}

// issuing returns a credential that issues tokens with a lifetime, called NAME-1, NAME-2, …
func issuing(name string, life time.Duration) *fakeCredential {
	return &fakeCredential{get: func(_ context.Context, n int64) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: fmt.Sprintf("%s-%d", name, n), ExpiresOn: time.Now().Add(life)}, nil
	}}
}

func refusing(text string) *fakeCredential {
	return &fakeCredential{get: func(context.Context, int64) (azcore.AccessToken, error) {
		return azcore.AccessToken{}, errors.New(text)
	}}
}

// issuingOnce returns a credential that issues one token and then fails.
func issuingOnce(name string, life time.Duration, err error) *fakeCredential {
	g := issuing(name, life)
	first := g.get
	g.get = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
		if n > 1 {
			return azcore.AccessToken{}, err
		}
		return first(ctx, n)
	}
	return g
}

// hanging returns a credential that waits until it is cancelled.
func hanging() *fakeCredential {
	return &fakeCredential{get: func(ctx context.Context, _ int64) (azcore.AccessToken, error) {
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}}
}

func from(name string, credential *fakeCredential) source {
	return source{name: name, limit: 3 * time.Second, open: func(*Options) (azcore.TokenCredential, error) { return credential, nil }}
}

func absent(name string, err error) source {
	return source{name: name, limit: time.Second, open: func(*Options) (azcore.TokenCredential, error) { return nil, err }}
}

// outcomes returns the outcome of each source, such as "a:failed b:used".
func outcomes(steps []Step) string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Source+":"+string(s.Outcome))
	}
	return strings.Join(all, " ")
}

func TestChain(t *testing.T) {
	for _, test := range []struct {
		name      string
		sources   []source
		token     string
		outcomes  string
		err       string // part of the error
		noneSetUp bool
	}{
		{"the first working source", []source{absent("a", missing("A is not set")), from("b", issuing("b", time.Hour)), from("c", issuing("c", time.Hour))},
			"b-1", "a:not set up b:used", "", false},
		{"a refusal does not end the search", []source{from("a", refusing("AADSTS7000215: wrong")), from("b", issuing("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"a hanging source does not end the search", []source{from("a", hanging()), from("b", issuing("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"a broken source does not end the search", []source{absent("a", errors.New("a file is not there")), from("b", issuing("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"no credential", []source{absent("a", missing("A is not set")), absent("b", partly("B is not set")), absent("c", missing("C is not set"))},
			"", "a:not set up b:not set up c:not set up", "b is not set up: B is not set; not set up: a, c", true},
		{"all fail", []source{absent("a", missing("A is not set")), from("b", refusing("AADSTS90002: no such tenant")), from("c", hanging())},
			"", "a:not set up b:failed c:failed",
			"b failed: AADSTS90002: no such tenant (the tenant does not exist: check AZURE_TENANT_ID, and azure.cloud in nx.json); " +
				"c failed: no token within 3s; not set up: a", false},
		{"all hang", []source{from("a", hanging()), from("b", hanging()), from("c", hanging()), from("d", hanging()), from("e", hanging()),
			from("f", hanging()), from("g", hanging()), from("h", issuing("h", time.Hour))},
			"", "a:failed b:failed c:failed d:failed e:failed f:failed g:failed", "no token within 20s for the whole sign-in", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens := newTokens(&chain{sources: test.sources})
				token, err := tokens.GetToken(t.Context(), Storage)
				if token.Token != test.token || (err == nil) != (test.token != "") {
					t.Errorf("got the token %q, %v; want %q", token.Token, err, test.token)
				}
				if got := outcomes(tokens.Report().Steps); got != test.outcomes {
					t.Errorf("got %s, want %s", got, test.outcomes)
				}
				if err == nil {
					return
				}
				failed, ok := errors.AsType[*Error](err)
				if !ok || !strings.Contains(err.Error(), test.err) || failed.NoneSetUp() != test.noneSetUp {
					t.Errorf("got %v (none set up: %v), want %q (none set up: %v)", err, failed.NoneSetUp(), test.err, test.noneSetUp)
				}
			})
		})
	}
}

// A run keeps its identity, because another one may write what this one may not read.
func TestChainStaysWithItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := issuingOnce("b", time.Minute, errors.New("AADSTS700024: it has expired"))
		a, c := refusing("no"), issuing("c", time.Hour)
		tokens := newTokens(&chain{sources: []source{from("a", a), from("b", b), from("c", c)}})
		for range 3 {
			_, _ = tokens.GetToken(t.Context(), Storage)
			time.Sleep(2 * time.Minute)
		}
		_, err := tokens.GetToken(t.Context(), Storage)
		if err == nil || !strings.Contains(err.Error(), "b failed: AADSTS700024") {
			t.Errorf("got %v, want the failure of b", err)
		}
		if a.requests.Load() != 1 || c.requests.Load() != 0 {
			t.Errorf("a got %d requests, c %d; want 1 and 0", a.requests.Load(), c.requests.Load())
		}
	})
}

// A run that was signed in does not become anonymous. Otherwise it would continue with
// unsigned requests, without an error.
func TestLostSourceHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := from("az", issuingOnce("az", time.Minute, errors.New("please run az login")))
		gone.absent = isSignedOut
		tokens := newTokens(&chain{sources: []source{gone}})
		if _, err := tokens.GetToken(t.Context(), Storage); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		_, err := tokens.GetToken(t.Context(), Storage)
		if failed, ok := errors.AsType[*Error](err); !ok || failed.NoneSetUp() {
			t.Errorf("got %v, want the failure of a source", err)
		}
	})
}

func TestTokensAreRequestedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := issuing("test", time.Hour)
		at := source.get
		source.get = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
			time.Sleep(4 * time.Second) // az is slow (F21)
			return at(ctx, n)
		}
		tokens := Of("test", source)
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				if token, err := tokens.GetToken(t.Context(), Storage); err != nil || token.Token != "test-1" {
					t.Errorf("got %q, %v", token.Token, err)
				}
			})
		}
		all.Wait()
		if got := source.requests.Load(); got != 1 {
			t.Errorf("got %d requests, want 1", got)
		}
	})
}

// Tokens are replaced five minutes before they expire. Short-lived tokens are replaced
// after half of their lifetime, or each request would request a token (F20).
func TestTokensAreReplacedInTime(t *testing.T) {
	for _, test := range []struct {
		life    time.Duration
		refresh time.Duration // as the issuer demands, or 0
		kept    time.Duration
	}{
		{time.Hour, 0, 55 * time.Minute},
		{8 * time.Minute, 0, 4 * time.Minute},
		{5 * time.Second, 0, 2500 * time.Millisecond},
		{24 * time.Hour, 12 * time.Hour, 12 * time.Hour},
	} {
		t.Run(test.life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &fakeCredential{get: func(context.Context, int64) (azcore.AccessToken, error) {
					token := azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(test.life)}
					if test.refresh > 0 {
						token.RefreshOn = time.Now().Add(test.refresh)
					}
					return token, nil
				}}
				tokens := Of("test", source)
				ask := func(want int64) {
					t.Helper()
					if _, err := tokens.GetToken(t.Context(), Storage); err != nil || source.requests.Load() != want {
						t.Errorf("got %d requests, %v; want %d", source.requests.Load(), err, want)
					}
				}
				ask(1)
				time.Sleep(test.kept - time.Millisecond)
				ask(1)
				time.Sleep(2 * time.Millisecond)
				ask(2)
			})
		})
	}
}

// While a token is being replaced, or cannot be replaced, the old one is used until it
// expires.
func TestTokensThatCannotBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := issuing("test", 10*time.Minute)
		first := source.get
		source.get = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
			if n > 1 {
				<-ctx.Done()
				return azcore.AccessToken{}, ctx.Err()
			}
			return first(ctx, n)
		}
		tokens := Of("test", source)
		want := func(want string) {
			t.Helper()
			if token, err := tokens.GetToken(t.Context(), Storage); token.Token != want || (err == nil) != (want != "") {
				t.Errorf("got %q, %v; want %q", token.Token, err, want)
			}
		}
		want("test-1")
		time.Sleep(6 * time.Minute)
		go want("test-1") // waits for the replacement
		synctest.Wait()
		begun := time.Now()
		want("test-1")
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %s for an existing token", took)
		}
		time.Sleep(5 * time.Minute)
		want("") // it has expired
		requests := source.requests.Load()
		want("") // for a minute, no source is retried
		if source.requests.Load() != requests {
			t.Error("retried at once")
		}
		time.Sleep(pause + time.Second)
		want("")
		if source.requests.Load() != requests+1 {
			t.Error("not retried after the pause")
		}
	})
}

// A claims challenge means that a token is revoked, whatever its age.
func TestRevokedTokens(t *testing.T) {
	tokens := Of("test", issuing("test", time.Hour))
	challenge := Storage
	challenge.Claims = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	for i, step := range []struct {
		options policy.TokenRequestOptions
		want    string
	}{{Storage, "test-1"}, {challenge, "test-2"}, {Storage, "test-2"}} {
		if token, err := tokens.GetToken(t.Context(), step.options); err != nil || token.Token != step.want {
			t.Errorf("step %d: got %q, %v; want %q", i, token.Token, err, step.want)
		}
	}
}

func TestSummarize(t *testing.T) {
	const rule = "--------------------------------------------------------------------------------\n"
	for _, test := range []struct{ name, text, want string }{
		{"a response of Entra ID", "ClientSecretCredential authentication failed. \nPOST https://login.microsoftonline.com/t/oauth2/v2.0/token\n" +
			rule + "RESPONSE 401: 401 Unauthorized\n" + rule + "{\n  \"error\": \"invalid_client\",\n" +
			"  \"error_description\": \"AADSTS7000215: Invalid client secret provided. Ensure the \\\"secret\\\" is it.\\r\\nTrace ID: 1b2c3d4e-0000-1111-2222-333344445555\\r\\n" +
			"Correlation ID: 1b2c3d4e-0000-1111-2222-333344445555\\r\\nTimestamp: 2026-11-23 01:02:03Z\",\n  \"error_codes\": [7000215]\n}\n" +
			rule + "To troubleshoot, visit https://aka.ms/azsdk/go/identity/troubleshoot#client-secret",
			`AADSTS7000215: Invalid client secret provided. Ensure the "secret" is it.`},
		{"a tool", "AzureCLICredential: ERROR: Please run 'az login' to setup account.\nTo troubleshoot, visit https://aka.ms/x",
			"AzureCLICredential: ERROR: Please run 'az login' to setup account."},
		{"a page", strings.Repeat("ä", 700), strings.Repeat("ä", 298) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := summarize(test.text); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
