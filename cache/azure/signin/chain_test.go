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

// giver is a credential that counts.
type giver struct {
	asked atomic.Int64
	give  func(ctx context.Context, n int64) (azcore.AccessToken, error) // n from 1
}

func (g *giver) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return g.give(ctx, g.asked.Add(1))
}

// giving gives tokens that live this long, called name-1, name-2, …
func giving(name string, life time.Duration) *giver {
	return &giver{give: func(_ context.Context, n int64) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: fmt.Sprintf("%s-%d", name, n), ExpiresOn: time.Now().Add(life)}, nil
	}}
}

func refusing(text string) *giver {
	return &giver{give: func(context.Context, int64) (azcore.AccessToken, error) {
		return azcore.AccessToken{}, errors.New(text)
	}}
}

// givingOnce gives one token, and then fails.
func givingOnce(name string, life time.Duration, err error) *giver {
	g := giving(name, life)
	first := g.give
	g.give = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
		if n > 1 {
			return azcore.AccessToken{}, err
		}
		return first(ctx, n)
	}
	return g
}

// hanging returns nothing until it is cancelled.
func hanging() *giver {
	return &giver{give: func(ctx context.Context, _ int64) (azcore.AccessToken, error) {
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}}
}

func from(name string, g *giver) source {
	return source{name: name, limit: 3 * time.Second, open: func(*Options) (azcore.TokenCredential, error) { return g, nil }}
}

func absent(name string, err error) source {
	return source{name: name, limit: time.Second, open: func(*Options) (azcore.TokenCredential, error) { return nil, err }}
}

// outcomes is what came of each source, such as "a:failed b:used".
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
		{"the first that works", []source{absent("a", missing("A is not set")), from("b", giving("b", time.Hour)), from("c", giving("c", time.Hour))},
			"b-1", "a:not set up b:used", "", false},
		{"a refusal does not end it", []source{from("a", refusing("AADSTS7000215: wrong")), from("b", giving("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"a source that hangs does not end it", []source{from("a", hanging()), from("b", giving("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"what is wrong with a source does not end it", []source{absent("a", errors.New("a file is not there")), from("b", giving("b", time.Hour))},
			"b-1", "a:failed b:used", "", false},
		{"no credential", []source{absent("a", missing("A is not set")), absent("b", partly("B is not set")), absent("c", missing("C is not set"))},
			"", "a:not set up b:not set up c:not set up", "b is not set up: B is not set; not set up: a, c", true},
		{"all fail", []source{absent("a", missing("A is not set")), from("b", refusing("AADSTS90002: no such tenant")), from("c", hanging())},
			"", "a:not set up b:failed c:failed",
			"b failed: AADSTS90002: no such tenant (the tenant does not exist: check AZURE_TENANT_ID, and azure.cloud in nx.json); " +
				"c failed: no token within 3s; not set up: a", false},
		{"all hang", []source{from("a", hanging()), from("b", hanging()), from("c", hanging()), from("d", hanging()), from("e", hanging()),
			from("f", hanging()), from("g", hanging()), from("h", giving("h", time.Hour))},
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

// A run stays who it is: another identity may write what this one may not read.
func TestChainStaysWithItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := givingOnce("b", time.Minute, errors.New("AADSTS700024: it has expired"))
		a, c := refusing("no"), giving("c", time.Hour)
		tokens := newTokens(&chain{sources: []source{from("a", a), from("b", b), from("c", c)}})
		for range 3 {
			_, _ = tokens.GetToken(t.Context(), Storage)
			time.Sleep(2 * time.Minute)
		}
		_, err := tokens.GetToken(t.Context(), Storage)
		if err == nil || !strings.Contains(err.Error(), "b failed: AADSTS700024") {
			t.Errorf("got %v, want the failure of b", err)
		}
		if a.asked.Load() != 1 || c.asked.Load() != 0 {
			t.Errorf("a was asked %d times, c %d; want 1 and 0", a.asked.Load(), c.asked.Load())
		}
	})
}

// A run that was signed in does not become anonymous: its requests would go on unsigned,
// without an error.
func TestSourceThatIsGoneHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := from("az", givingOnce("az", time.Minute, errors.New("please run az login")))
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

func TestTokensAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := giving("it", time.Hour)
		at := source.give
		source.give = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
			time.Sleep(4 * time.Second) // az takes its time (F21)
			return at(ctx, n)
		}
		tokens := Of("it", source)
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				if token, err := tokens.GetToken(t.Context(), Storage); err != nil || token.Token != "it-1" {
					t.Errorf("got %q, %v", token.Token, err)
				}
			})
		}
		all.Wait()
		if got := source.asked.Load(); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}

// Tokens are replaced five minutes before their end; those that live shorter at
// half their life, or each request would ask for one (F20).
func TestTokensAreReplacedInTime(t *testing.T) {
	for _, test := range []struct {
		life    time.Duration
		refresh time.Duration // that the issuer wishes, or 0
		kept    time.Duration
	}{
		{time.Hour, 0, 55 * time.Minute},
		{8 * time.Minute, 0, 4 * time.Minute},
		{5 * time.Second, 0, 2500 * time.Millisecond},
		{24 * time.Hour, 12 * time.Hour, 12 * time.Hour},
	} {
		t.Run(test.life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &giver{give: func(context.Context, int64) (azcore.AccessToken, error) {
					token := azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(test.life)}
					if test.refresh > 0 {
						token.RefreshOn = time.Now().Add(test.refresh)
					}
					return token, nil
				}}
				tokens := Of("it", source)
				ask := func(want int64) {
					t.Helper()
					if _, err := tokens.GetToken(t.Context(), Storage); err != nil || source.asked.Load() != want {
						t.Errorf("asked %d times, %v; want %d", source.asked.Load(), err, want)
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

// While one token is being replaced, or cannot be, the old one serves as long as
// it lives.
func TestTokensThatCannotBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := giving("it", 10*time.Minute)
		first := source.give
		source.give = func(ctx context.Context, n int64) (azcore.AccessToken, error) {
			if n > 1 {
				<-ctx.Done()
				return azcore.AccessToken{}, ctx.Err()
			}
			return first(ctx, n)
		}
		tokens := Of("it", source)
		want := func(want string) {
			t.Helper()
			if token, err := tokens.GetToken(t.Context(), Storage); token.Token != want || (err == nil) != (want != "") {
				t.Errorf("got %q, %v; want %q", token.Token, err, want)
			}
		}
		want("it-1")
		time.Sleep(6 * time.Minute)
		go want("it-1") // waits until asking is over
		synctest.Wait()
		begun := time.Now()
		want("it-1")
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %s for a token that was there", took)
		}
		time.Sleep(5 * time.Minute)
		want("") // it has expired
		asked := source.asked.Load()
		want("") // for a minute no source is tried again
		if source.asked.Load() != asked {
			t.Error("asked again at once")
		}
		time.Sleep(pause + time.Second)
		want("")
		if source.asked.Load() != asked+1 {
			t.Error("not asked again after a while")
		}
	})
}

// A claims challenge says that a token is revoked, whatever its age.
func TestTokensThatAreRevoked(t *testing.T) {
	tokens := Of("it", giving("it", time.Hour))
	challenge := Storage
	challenge.Claims = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	for i, step := range []struct {
		options policy.TokenRequestOptions
		want    string
	}{{Storage, "it-1"}, {challenge, "it-2"}, {Storage, "it-2"}} {
		if token, err := tokens.GetToken(t.Context(), step.options); err != nil || token.Token != step.want {
			t.Errorf("step %d: got %q, %v; want %q", i, token.Token, err, step.want)
		}
	}
}

func TestOneLine(t *testing.T) {
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
			if got := oneLine(test.text); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
