package azure_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// redirecting responds with a redirect, which no storage does. Azure sends headers that
// begin with X-Ms-.
func redirecting(status int, to *string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Ms-Request-Id", "1")
		w.Header().Set("Location", *to+"?"+r.URL.RawQuery)
		w.WriteHeader(status)
	}
}

// A redirect would send a token to another scheme of the same host, and a SAS in Referer
// to any host. So the client follows no redirect of any request.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			attacker := newServer(t, ok)
			to := attacker.URL + "/taken"
			secure, plainly := newTLSServer(t, redirecting(status, &to)), newServer(t, redirecting(status, &to))
			e := environment(t, variables{"SSL_CERT_FILE": pemFile(t, t.TempDir(), secure)})
			for _, options := range []azure.Options{
				{Endpoint: secure.URL, Credential: validFor(time.Hour)},
				{ConnectionString: sasString(plainly.URL)},
				{SASURL: endpoint.Secret(secure.URL + "/account/results?" + sasQuery)},
				{ConnectionString: endpoint.Secret(connectionString(plainly.URL))},
			} {
				options.Container, options.Limits, options.Environment = "results", generous, e
				c := open(t, options)
				_, readErr := get(t, c, "a")
				for _, err := range []error{readErr, put(t, c, "a", "content"), c.Delete(t.Context(), "a", "")} {
					want := fmt.Sprintf("responded with a redirect (%d) to %s, which is not followed: a proxy, firewall or captive portal", status, attacker.URL)
					if err == nil || !strings.Contains(err.Error(), want) || outcomeOf(err) != configError {
						t.Errorf("got %v, want %q", err, want)
					}
					checkSecrets(t, err)
				}
				for _, step := range c.Network(t.Context()).Steps {
					checkSecrets(t, step)
				}
			}
			if seen := attacker.seen(); len(seen) > 0 {
				t.Errorf("the attacker got %+v", seen)
			}
			if got := len(secure.seen()) + len(plainly.seen()); got != 16 { // including those of Network
				t.Errorf("sent %d requests, want one for each", got)
			}
		})
	}
}

// A Location header may contain any string.
func TestRedirectsAreReportedInOneLine(t *testing.T) {
	for location, want := range map[string]string{
		"http://portal.example:80/login?sig=hunter2#x": "to http://portal.example,",
		"https://user:hunter2@portal.example:8443/":    "to https://portal.example:8443,",
		"/login?hunter2":                   "to SELF,",
		"//portal.example":                 "to http://portal.example,",
		"https://a\u202eb.example/hunter2": "elsewhere,",
		"javascript:hunter2":               "elsewhere,",
		"https://%zz/hunter2":              "elsewhere,",
		"http://[fe80::1%25hunter2]/":      "elsewhere,",
	} {
		s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		_, err := get(t, s.container(t), "a")
		want = strings.Replace(want, "SELF", s.URL, 1)
		if err == nil || !strings.Contains(err.Error(), "a redirect (307) "+want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want %q", location, err, want)
		}
	}
}

// The form that requests a token contains the secret of an app.
func TestRedirectsOfASignInAreNotFollowed(t *testing.T) {
	attacker := newServer(t, ok)
	authority := azuretest.NewAuthority()
	login := newTLSServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, attacker.URL+"/taken", http.StatusTemporaryRedirect)
			return
		}
		authority.ServeHTTP(w, r)
	})
	s := newTLSServer(t, ok)
	for name, value := range map[string]string{
		"AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555", "AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": "hunter2",
		"AZURE_AUTHORITY_HOST": login.URL,
	} {
		t.Setenv(name, value)
	}
	e := environment(t, variables{"SSL_CERT_FILE": pemFile(t, t.TempDir(), login)})
	c := open(t, azure.Options{Container: "results", Endpoint: s.URL, SignIn: "environment", Limits: generous, Environment: e})
	_, err := get(t, c, "a")
	want := "responded with a redirect (307) to " + attacker.URL + ", which is not followed"
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want %q", err, want)
	}
	if len(attacker.seen())+len(s.seen()) > 0 {
		t.Errorf("the attacker got %+v, and the storage %+v", attacker.seen(), s.seen())
	}
}
