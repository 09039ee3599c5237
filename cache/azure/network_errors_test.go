package azure_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// proxyPassword is a password that no line may contain.
const proxyPassword = "pr0xy/secret"

func withPassword(proxy string) string {
	return strings.Replace(proxy, "://", "://anna:"+url.QueryEscape(proxyPassword)+"@", 1)
}

// In the wanted line, PROXY is the address of the test's proxy.
func TestF24EachProxyErrorNamesItsFix(t *testing.T) {
	s := newTLSServer(t, ok)
	ca := pemFile(t, t.TempDir(), s)
	type setUp func(t *testing.T, p *faults.Proxy)
	wants := func(t *testing.T, p *faults.Proxy) { p.Start(); p.Want("anna", "another") }
	refuses := func(status int) setUp {
		return func(_ *testing.T, p *faults.Proxy) { p.Start(); p.Refuse(status) }
	}
	for _, test := range []struct {
		name     string
		proxy    setUp
		variable string
		value    func(proxyURL string) string // nil: with a password
		want     string
		outcome  outcome
	}{
		{"no password", wants, "HTTPS_PROXY", func(u string) string { return u },
			"PROXY (HTTPS_PROXY) requires a user and password (407): set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded", configError},
		{"a wrong password", wants, "https_proxy", nil,
			"PROXY (https_proxy) rejected the user or password in https_proxy (407): correct them", configError},
		{"a sign-in by others", func(_ *testing.T, p *faults.Proxy) { p.Start(); p.Want("a", "b"); p.Challenge("NTLM") }, "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) requires authentication by NTLM (407), but only Basic is supported: set HTTPS_PROXY to a local proxy that handles it (cntlm, px), or add example.com to NO_PROXY", configError},
		{"forbidden", refuses(http.StatusForbidden), "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) refused to connect to example.com:443 (403): allow example.com in the proxy, or add it to NO_PROXY", configError},
		{"not reached by the proxy", refuses(http.StatusBadGateway), "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) cannot reach example.com:443 (502): check the host name and whether the proxy allows it", plain},
		{"closed", func(_ *testing.T, p *faults.Proxy) { p.Start(); p.Stop() }, "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) is unreachable (connection refused): correct HTTPS_PROXY, or unset it if no proxy is needed", plain},
		{"closed, of SOCKS", func(_ *testing.T, p *faults.Proxy) { p.Start(); p.Stop() }, "HTTPS_PROXY",
			func(u string) string { return withPassword(strings.Replace(u, "http:", "socks5:", 1)) },
			"PROXY (HTTPS_PROXY) is unreachable (connection refused): correct HTTPS_PROXY", plain},
		{"no TLS", func(_ *testing.T, p *faults.Proxy) { p.Start() }, "HTTPS_PROXY",
			func(u string) string { return withPassword(strings.Replace(u, "http:", "https:", 1)) },
			"PROXY (HTTPS_PROXY) does not speak TLS: write HTTPS_PROXY with http://, which affects only the connection to the proxy", configError},
		{"an unknown CA", func(_ *testing.T, p *faults.Proxy) { p.StartTLS() }, "HTTPS_PROXY", nil,
			`PROXY (HTTPS_PROXY): its certificate is issued by "Acme Co", which this machine does not trust`, configError},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := faults.NewProxy()
			t.Cleanup(p.Stop)
			test.proxy(t, p)
			value := withPassword
			if test.value != nil {
				value = test.value
			}
			v := variables{test.variable: value(p.URL)}
			if test.name != "an unknown CA" {
				v["NODE_EXTRA_CA_CERTS"] = ca
			}
			_, err := get(t, via(t, environment(t, v), validFor(time.Hour)), "a")
			if got := outcomeOf(err); got != test.outcome {
				t.Errorf("got %s, want %s", got, test.outcome)
			}
			_, address, _ := strings.Cut(p.URL, "://")
			scheme, _, _ := strings.Cut(v[test.variable], "://")
			want := strings.Replace(test.want, "PROXY", "the proxy "+scheme+"://"+address, 1)
			checkLine(t, err, want)
		})
	}
}

// checkLine checks that an error is one line with the right beginning and without a
// secret.
func checkLine(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	diagnostictest.CheckError(t, err)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprint(err)} {
		for _, secret := range []string{proxyPassword, url.QueryEscape(proxyPassword)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q contains the proxy's password", text)
			}
		}
	}
	checkSecrets(t, err)
}

// A sign-in service without TLS, such as that of a web app, is requested through the
// proxy in HTTP_PROXY, which responds in its place.
func TestF24ProxyBeforeASignInWithoutTLS(t *testing.T) {
	p := faults.NewProxy()
	p.Start()
	t.Cleanup(p.Stop)
	p.Want("anna", "another")
	e := environment(t, variables{"HTTP_PROXY": withPassword(p.URL)})
	sender := transport.New(generous, e)
	t.Cleanup(sender.CloseIdleConnections)
	_, err := sender.Get("http://example.com/msi/token")
	checkLine(t, errors.Unwrap(err), "the proxy "+p.URL+" (HTTP_PROXY) rejected the user or password in HTTP_PROXY (407)")
}

// Servers and proxies other than the storage.
func TestF24SomethingElseResponds(t *testing.T) {
	answers := func(status int, headers map[string]string) *server {
		return newTLSServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			for name, value := range headers {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>No.</html>")
		})
	}
	plainly := newServer(t, ok)
	for _, test := range []struct {
		name, host string
		s          *server
		want       string
		outcome    outcome
	}{
		{"a block page", "example.com", answers(403, map[string]string{"Server": "squid"}),
			`https://example.com/results is unreachable: something else responded in its place (403, Server: "squid"): a proxy, firewall or captive portal; ` +
				"requests go through the proxy PROXY (HTTPS_PROXY); allow example.com there, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", configError},
		{"a captive portal", "example.com", answers(302, map[string]string{"Location": "http://login.portal.example:80/?from=x#y"}),
			"example.com:443 responded with a redirect (302) to http://login.portal.example, which is not followed: " +
				"a proxy, firewall or captive portal may be responding in its place; requests go through the proxy PROXY (HTTPS_PROXY); " +
				"allow example.com there, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", configError},
		{"a page of a portal", "example.com", answers(200, map[string]string{"Content-Type": "text/html; charset=utf-8"}),
			"https://example.com/results is unreachable: something else responded in its place (an HTML page", configError},
		{"no TLS", "example.com", plainly, "TLS with example.com:443: the server does not speak TLS", configError},
		{"another name", "cache.example.org", answers(200, nil),
			"TLS with cache.example.org:443: its certificate is for example.com, ", configError},
		{"the name of a private endpoint", "acc.privatelink.blob.core.windows.net", answers(200, nil),
			"TLS with acc.privatelink.blob.core.windows.net:443: " +
				"its certificate is for example.com, *.example.com, 127.0.0.1: use the host acc.blob.core.windows.net, ", configError},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, nil)
			p.Route(test.host+":443", test.s.Listener.Addr().String())
			v := variables{"HTTPS_PROXY": withPassword(p.URL)}
			p.Want("anna", proxyPassword)
			if test.s != plainly {
				v["NODE_EXTRA_CA_CERTS"] = pemFile(t, t.TempDir(), test.s)
			}
			sender := transport.New(generous, environment(t, v))
			t.Cleanup(sender.CloseIdleConnections)
			c := open(t, azure.Options{Container: "results", Endpoint: "https://" + test.host, Credential: validFor(time.Hour), Transport: sender})
			_, err := get(t, c, "a")
			if got := outcomeOf(err); got != test.outcome {
				t.Errorf("got %s, want %s", got, test.outcome)
			}
			checkLine(t, err, strings.Replace(test.want, "PROXY", p.URL, 1))
		})
	}
}

// Permanent errors are not retried.
func TestPermanentErrorsAreNotRetried(t *testing.T) {
	handshakes := 0
	s := newUnstarted(t, ok)
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { handshakes++; return nil, nil }}
	s.StartTLS()
	sender := transport.New(generous, transport.Environment{}) // which does not trust the server
	t.Cleanup(sender.CloseIdleConnections)
	c := open(t, azure.Options{Container: "results", Endpoint: s.URL, Credential: validFor(time.Hour), Transport: sender})
	_, err := c.Get(context.WithoutCancel(t.Context()), "a")
	checkLine(t, err, "TLS with ")
	s.Close() // ends the goroutines that it counts
	if handshakes != 1 {
		t.Errorf("got %d tries, want 1", handshakes)
	}
}
