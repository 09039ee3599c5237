package azure_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// stepsOf returns the names of the steps of a report. A "!" marks a failed step.
func stepsOf(r azure.NetworkReport) string {
	var names []string
	for _, step := range r.Steps {
		if step.Err != nil {
			step.Name += "!"
		}
		names = append(names, step.Name)
	}
	return strings.Join(names, " ")
}

// ofAzure responds as Azure does to a request without a credential.
func ofAzure(clock time.Duration) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ms-Request-Id", "the-request")
		w.Header().Set("Date", time.Now().Add(clock).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestNetwork(t *testing.T) {
	s := newTLSServer(t, ofAzure(0))
	plainly := newServer(t, ofAzure(0))
	stranger := newTLSServer(t, ok)
	rude := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { hangUp(t, w) })
	portal := newTLSServer(t, func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
	trusted := variables{"NODE_EXTRA_CA_CERTS": pemFile(t, t.TempDir(), s)}
	proxy := func(prepare func(p *faults.Proxy)) variables {
		p := newProxy(t, s)
		p.Want("anna", proxyPassword)
		prepare(p)
		return variables{"HTTPS_PROXY": withPassword(p.URL), "HTTP_PROXY": withPassword(p.URL), "SSL_CERT_FILE": trusted["NODE_EXTRA_CA_CERTS"]}
	}
	none := func(*faults.Proxy) {}
	for _, test := range []struct {
		name, endpoint string
		v              variables
		steps, err     string
	}{
		{"direct", s.URL, trusted, "connect tls http", ""},
		{"by name", strings.Replace(plainly.URL, "127.0.0.1", "localhost", 1), nil, "dns connect http", ""},
		{"through a proxy", "https://example.com", proxy(none), "connect proxy tls http", ""},
		{"a proxy that wants more", "https://example.com", proxy(func(p *faults.Proxy) { p.Want("anna", "another") }), "connect proxy!", "rejected the user or password in HTTPS_PROXY (407)"},
		{"a proxy that refuses", "https://example.com", proxy(func(p *faults.Proxy) { p.Refuse(http.StatusForbidden) }), "connect proxy!", "refused to connect to example.com:443 (403)"},
		{"a proxy that is gone", "https://example.com", proxy(func(p *faults.Proxy) { p.Stop() }), "connect!", "is unreachable (connection refused): correct HTTPS_PROXY"},
		{"a proxy that hangs up", "https://example.com", variables{"HTTPS_PROXY": withPassword(rude.URL)}, "connect proxy!", "through the proxy " + rude.URL + " (HTTPS_PROXY) was closed before a response ("},
		{"a captive portal", portal.URL, variables{"SSL_CERT_FILE": trusted["NODE_EXTRA_CA_CERTS"]}, "connect tls http!", "responded with a redirect (302) to "},
		{"an unknown CA", s.URL, nil, "connect tls!", "which this machine does not trust"},
		{"an unknown CA behind a proxy", "https://example.com", variables{"HTTPS_PROXY": proxy(none)["HTTPS_PROXY"]}, "connect proxy tls!", "which this machine does not trust"},
		{"no TLS", strings.Replace(plainly.URL, "http:", "https:", 1), nil, "connect tls!", "does not speak TLS"},
		{"nothing listens", closedPort(t), nil, "connect!", "no connection to 127.0.0.1:"},
		{"a stranger", stranger.URL, trusted, "connect tls http!", "something else responded in its place"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := environment(t, test.v)
			options := azure.Options{Container: "results", Endpoint: test.endpoint, Credential: validFor(time.Hour), Limits: generous, Environment: e}
			if strings.HasPrefix(test.endpoint, "http:") {
				options = azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(test.endpoint)), Limits: generous, Environment: e}
			}
			r := open(t, options).Network(t.Context())
			if got := stepsOf(r); got != test.steps {
				t.Errorf("got the steps %s, want %s", got, test.steps)
			}
			var err error
			for _, step := range r.Steps {
				err = step.Err // of the last step
			}
			if (test.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.err) || strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("got the error %v, want %q", err, test.err)
			}
			if err != nil {
				diagnostictest.CheckError(t, err)
			}
			if r.Answered != (err == nil) || r.ClockProblem() != "" {
				t.Errorf("got %t, %q; want whether Azure responded, and no clock problem", r.Answered, r.ClockProblem())
			}
			if text := fmt.Sprintf("%v %+v %#v", r, r, r); strings.Contains(text, proxyPassword) || strings.Contains(text, "pr0xy") {
				t.Errorf("%s contains the proxy's password", text)
			}
			checkSecrets(t, r.Steps)
		})
	}
}

func TestNetworkReportsTheConnection(t *testing.T) {
	s := newTLSServer(t, ofAzure(0))
	p := newProxy(t, s)
	e := environment(t, variables{"https_proxy": p.URL, "SSL_CERT_FILE": pemFile(t, t.TempDir(), s)})
	c := open(t, azure.Options{Container: "results", Endpoint: "https://example.com", Credential: validFor(time.Hour), Limits: generous, Environment: e})
	r := c.Network(t.Context())
	if r.Host != "example.com:443" || r.Proxy != (transport.Proxy{Address: p.URL, Variable: "https_proxy"}) || len(r.CAs) != 1 ||
		!r.Private || fmt.Sprint(r.Addresses) != "[127.0.0.1]" {
		t.Errorf("got %+v, want the proxy, the CA file and the address", r)
	}
	if leaf := s.Certificate(); r.Issuer != leaf.Issuer.String() || !r.Expires.Equal(leaf.NotAfter) {
		t.Errorf("got %s, %s; want the certificate", r.Issuer, r.Expires)
	}
	details := fmt.Sprint(r.Steps)
	for _, want := range []string{p.Listener.Addr().String(), `TLS 1.3, certificate issued by "Acme Co", valid until `, "404 from Azure, request the-request"} {
		if !strings.Contains(details, want) {
			t.Errorf("%s is not in %s", want, details)
		}
	}
	// It does not sign in, and sends no credential.
	if seen := s.seen(); len(seen) != 1 || seen[0].method != http.MethodHead || seen[0].header.Get("Authorization") != "" {
		t.Errorf("got %+v, want an anonymous request", seen)
	}
}

func TestNetworkReportsAWrongClock(t *testing.T) {
	for _, test := range []struct {
		clock time.Duration
		want  string
	}{
		{time.Minute, ""},
		{-time.Minute, ""},
		{10*time.Minute + 30*time.Second, "this machine's clock is 10 minutes behind Azure's: set it"},
		{-26*time.Hour - time.Minute, "this machine's clock is 26 hours ahead of Azure's: set it"},
		{72*time.Hour + time.Minute, "this machine's clock is 3 days behind Azure's: set it"},
	} {
		s := newServer(t, ofAzure(test.clock))
		r := s.container(t).Network(t.Context())
		if got := r.ClockProblem(); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") || (r.Skew-test.clock).Abs() > 5*time.Second {
			t.Errorf("%s: got %q and %s, want %q", test.clock, got, r.Skew, test.want)
		}
	}
}
