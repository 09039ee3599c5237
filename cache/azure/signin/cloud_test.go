package signin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// Each cloud has its own sign-in services and audience.
func TestCloudOfTheSignIn(t *testing.T) {
	for name, want := range map[string]struct{ authority, audience string }{
		"":             {"login.microsoftonline.com", "api://AzureADTokenExchange"},
		"usgovernment": {"login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"},
		"china":        {"login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMachine(t)
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
				t.Errorf("requested %v with the audience %q; want %s and %q", w.seen, audience, want.authority, want.audience)
			}
		})
	}
}
