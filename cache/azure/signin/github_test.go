package signin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// If GitHub's response has no assertion, the error names only its host. The URL does not
// help, and the response may be an assertion.
func TestGitHubWithoutAnAssertion(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc // nil if nothing listens
		want   string
	}{
		"a refusal":       {answers(403, "s3cret"), " responded with 403 Forbidden"},
		"a page":          {answers(200, "<html>s3cret"), " contains none"},
		"an empty object": {answers(200, `{"count":0,"note":"s3cret"}`), " contains none"},
		"too much":        {answers(200, `{"value":"`+strings.Repeat("s3cret", 20_000)+`"}`), " contains none"},
		"no listener":     {nil, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMachine(t)
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
				t.Errorf("the error shows too much: %v", err)
			}
		})
	}
}
