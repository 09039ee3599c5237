package signin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// What GitHub answers without an assertion is told by its host, and no more: the
// URL is of no use to a person, and the answer may be an assertion.
func TestGitHubThatGivesNoAssertion(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc // nil: nobody listens
		want   string
	}{
		"a refusal":     {answers(403, "s3cret"), " answers 403 Forbidden"},
		"a page":        {answers(200, "<html>s3cret"), " holds none"},
		"nothing in it": {answers(200, `{"count":0,"note":"s3cret"}`), " holds none"},
		"too much":      {answers(200, `{"value":"`+strings.Repeat("s3cret", 20_000)+`"}`), " holds none"},
		"nobody":        {nil, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			setUps[signin.GitHubActions](w)
			server := httptest.NewTLSServer(test.answer)
			t.Cleanup(server.Close)
			if test.answer == nil {
				server.Close()
			}
			t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", server.URL+"/s3cret?v=1")
			_, err := w.signIn("")
			if err == nil || !strings.Contains(err.Error(), "github-actions failed: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("too much is told: %v", err)
			}
		})
	}
}

// Each cloud has sign-in services and an audience of its own.
func TestCloudOfTheSignIn(t *testing.T) {
	for name, want := range map[string]struct{ authority, audience string }{
		"":             {"login.microsoftonline.com", "api://AzureADTokenExchange"},
		"usgovernment": {"login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"},
		"china":        {"login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			setUps[signin.GitHubActions](w)
			t.Setenv("AZURE_AUTHORITY_HOST", "")
			var audience string
			server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				audience = r.URL.Query().Get("audience")
				_, _ = rw.Write([]byte(`{"value":"assertion"}`))
			}))
			t.Cleanup(server.Close)
			t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", server.URL)
			cloud, err := signin.ParseCloud(name)
			if err != nil {
				t.Fatal(err)
			}
			tokens, err := signin.New(signin.Options{Source: signin.GitHubActions, Cloud: cloud,
				Client: azcore.ClientOptions{Transport: w, Retry: policy.RetryOptions{MaxRetries: -1}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tokens.GetToken(t.Context(), signin.Storage); err != nil {
				t.Error(err)
			}
			if w.has(want.authority+"/"+tenant+"/oauth2/v2.0/token") == 0 || audience != want.audience {
				t.Errorf("asked %v with the audience %q; want %s and %q", w.seen, audience, want.authority, want.audience)
			}
		})
	}
}

// Who asks for one source by name is told of that one.
func TestNamedSourceThatIsNotSetUp(t *testing.T) {
	w := newWorld(t)
	w.az()
	_, err := w.signIn(signin.Environment)
	const want = "environment is not set up: neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
