package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

func TestSASURL(t *testing.T) {
	const sas = "sv=2024-11-04&sr=c&sp=rc&se=2099-01-01T00%3A00%3A00Z&sig=c2VjcmV0"
	for _, test := range []struct{ url, endpoint, container, wrong string }{
		{"https://acc.blob.core.windows.net/results?" + sas, "https://acc.blob.core.windows.net", "results", ""},
		{" https://acc.blob.core.windows.net/?" + sas + "\n", "https://acc.blob.core.windows.net", "", ""},
		{"https://acc.blob.core.windows.net?" + sas, "https://acc.blob.core.windows.net", "", ""},
		{"https://cache.example.com:8443/results?" + sas, "https://cache.example.com:8443", "results", ""},
		{"http://127.0.0.1:10000/devstoreaccount1/results?" + sas, "http://127.0.0.1:10000/devstoreaccount1", "results", ""},
		{"http://acc.blob.core.windows.net/results?" + sas, "", "", "not https"},
		{"https://acc.blob.core.windows.net/results", "", "", "no signature"},
		{"https://acc.blob.core.windows.net/results?sv=2024-11-04", "", "", "no signature"},
		{"https://acc.blob.core.windows.net/results/blob?" + sas, "", "", "URL of a blob"},
		{"https://user:word@acc.blob.core.windows.net/results?" + sas, "", "", "not a URL"},
		{sas, "", "", "not a URL"},
		{"?" + sas, "", "", "not a URL"},
		{"https://%zz/?" + sas, "", "", "not a URL"},
	} {
		got, err := endpoint.ParseSASURL(endpoint.Secret(test.url))
		switch {
		case test.wrong != "":
			if err == nil || !strings.Contains(err.Error(), test.wrong) || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("%s: got %v, want %q and no secret", test.url, err, test.wrong)
			}
		case err != nil || got.Endpoint != test.endpoint || got.Container != test.container:
			t.Errorf("%s: got %s, %s, %v; want %s, %s", test.url, got.Endpoint, got.Container, err, test.endpoint, test.container)
		}
		if text := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(text, "c2VjcmV0") {
			t.Errorf("%s shows its signature", text)
		}
	}
}

func TestSASURLIsSent(t *testing.T) {
	s := newServer(t, ok)
	const sas = "sig=c2VjcmV0%3D&sp=rc&sv=2024-11-04" // in the order in which the SDK sends it
	c := open(t, azure.Options{Container: "results", SASURL: endpoint.Secret(s.URL + "/account/results?" + sas), AccountName: "another"})
	if _, err := get(t, c, "v1/shared/1"); err != nil {
		t.Fatal(err)
	}
	other, err := c.Sibling("others")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, other, "v1/shared/1"); err != nil {
		t.Fatal(err)
	}
	seen := s.seen()
	for i, path := range []string{"/account/results/v1/shared/1", "/account/others/v1/shared/1"} {
		if seen[i].path != path || seen[i].query != sas || seen[i].header.Get("Authorization") != "" {
			t.Errorf("got %s?%s with %q, want %s?%s", seen[i].path, seen[i].query, seen[i].header.Get("Authorization"), path, sas)
		}
	}
	if c.URL() != s.URL+"/account/results" {
		t.Errorf("got the URL %s", c.URL())
	}
}

// A public container can be read, but not written, without signing in.
func TestAnonymousReading(t *testing.T) {
	s := newTLSServer(t, ok)
	c := open(t, azure.Options{Container: "results", Endpoint: s.URL, SignIn: signin.Anonymous, Transport: s.Client()})
	if _, err := get(t, c, "a"); err != nil {
		t.Errorf("got %v, want the blob", err)
	}
	err := put(t, c, "b", "content")
	if _, isConfig := errors.AsType[*cache.ConfigError](err); !isConfig || !strings.Contains(err.Error(), "no credential was found") {
		t.Errorf("got %v, want an error that no credential was found", err)
	}
	seen := s.seen()
	if len(seen) != 1 || seen[0].method != http.MethodGet || seen[0].header.Get("Authorization") != "" {
		t.Errorf("got %+v, want one request, without a sign-in", seen)
	}
}

// If a private container rejects an anonymous request, the error says how to sign in,
// whatever the words of the response.
func TestAnonymousReadingThatIsRefused(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   outcome
	}{
		{http.StatusUnauthorized, "NoAuthenticationInformation", configError},
		{http.StatusForbidden, "AuthorizationFailure", configError},
		{http.StatusNotFound, "ResourceNotFound", configError},
		{http.StatusConflict, "PublicAccessNotPermitted", configError},
		{http.StatusNotFound, "BlobNotFound", notFound},
	} {
		t.Run(test.code, func(t *testing.T) {
			s := newTLSServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, test.status, test.code) })
			c := open(t, azure.Options{Container: "results", Endpoint: s.URL, SignIn: signin.Anonymous, Transport: s.Client()})
			_, err := get(t, c, "a")
			if got := outcomeOf(err); got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
			if test.want == configError && !strings.Contains(err.Error(), "no credential was found") {
				t.Errorf("got %v, want an error that no credential was found", err)
			}
		})
	}
}

// With an identity, the same responses are about its permissions.
func TestRefusalOfAnIdentity(t *testing.T) {
	s := newTLSServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "AuthorizationFailure")
	})
	c := signedIn(t, s, validFor(1<<40))
	if _, err := get(t, c, "a"); err == nil || strings.Contains(err.Error(), "no credential was found") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAccountOfACloud(t *testing.T) {
	for _, test := range []struct {
		options azure.Options
		url     string
		wrong   string
	}{
		{azure.Options{AccountName: "acc"}, "https://acc.blob.core.windows.net/results", ""},
		{azure.Options{AccountName: "acc", Cloud: "usgovernment"}, "https://acc.blob.core.usgovcloudapi.net/results", ""},
		{azure.Options{AccountName: "acc", Cloud: "china"}, "https://acc.blob.core.chinacloudapi.cn/results", ""},
		{azure.Options{AccountName: "acc", Endpoint: "https://cache.example.com/", Cloud: "china", TrustedHosts: endpoint.TrustedHosts{"cache.example.com:443"}}, "https://cache.example.com/results", ""},
		{azure.Options{AccountName: "acc", Cloud: "mars"}, "", "public, usgovernment, china"},
		{azure.Options{AccountName: "acc", SignIn: "magic"}, "", "environment, workload-identity"},
	} {
		test.options.Container = "results"
		c, err := azure.Open(test.options)
		switch {
		case test.wrong != "":
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%+v: got %v, want %q", test.options, err, test.wrong)
			}
		case err != nil || c.URL() != test.url:
			t.Errorf("%+v: got %v, want %s", test.options, err, test.url)
		}
	}
}

// A request that is cancelled during a sign-in returns the cancellation.
func TestRequestThatIsCancelledDuringASignIn(t *testing.T) {
	s := newTLSServer(t, ok)
	c := signedIn(t, s, validFor(1<<40))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
