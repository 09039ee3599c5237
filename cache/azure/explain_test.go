package azure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

// proxyPassword is one that no line may hold.
const proxyPassword = "pr0xy/secret"

func withPassword(proxy string) string {
	return strings.Replace(proxy, "://", "://anna:"+url.QueryEscape(proxyPassword)+"@", 1)
}

// A proxy is the one of a test, which has its address in the text that is wanted as
// PROXY.
func TestF24ProxySaysWhatMendsIt(t *testing.T) {
	s := newTLSServer(t, ok)
	ca := pemFile(t, t.TempDir(), s)
	type setUp func(t *testing.T, p *azuretest.Proxy)
	wants := func(t *testing.T, p *azuretest.Proxy) { p.Start(); p.Want("anna", "another") }
	refuses := func(status int) setUp {
		return func(_ *testing.T, p *azuretest.Proxy) { p.Start(); p.Refuse(status) }
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
			"PROXY (HTTPS_PROXY) wants a user and password (407): set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded", configError},
		{"a wrong password", wants, "https_proxy", nil,
			"PROXY (https_proxy) refuses the user or password in https_proxy (407): correct them", configError},
		{"a sign-in by others", func(_ *testing.T, p *azuretest.Proxy) { p.Start(); p.Want("a", "b"); p.Challenge("NTLM") }, "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) wants a sign-in by NTLM (407), and only Basic is supported: set HTTPS_PROXY to a local proxy that does it (cntlm, px), or add example.com to NO_PROXY", configError},
		{"forbidden", refuses(http.StatusForbidden), "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) refuses to connect to example.com:443 (403): let the proxy allow example.com, or add that to NO_PROXY", configError},
		{"not reached by the proxy", refuses(http.StatusBadGateway), "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) cannot reach example.com:443 (502): is its name right, and may the proxy go there?", plain},
		{"closed", func(_ *testing.T, p *azuretest.Proxy) { p.Start(); p.Stop() }, "HTTPS_PROXY", nil,
			"PROXY (HTTPS_PROXY) is not reached (connection refused): correct HTTPS_PROXY, or unset it where no proxy is needed", plain},
		{"closed, of SOCKS", func(_ *testing.T, p *azuretest.Proxy) { p.Start(); p.Stop() }, "HTTPS_PROXY",
			func(u string) string { return withPassword(strings.Replace(u, "http:", "socks5:", 1)) },
			"PROXY (HTTPS_PROXY) is not reached (connection refused): correct HTTPS_PROXY", plain},
		{"no TLS", func(_ *testing.T, p *azuretest.Proxy) { p.Start() }, "HTTPS_PROXY",
			func(u string) string { return withPassword(strings.Replace(u, "http:", "https:", 1)) },
			"PROXY (HTTPS_PROXY) does not speak TLS: let HTTPS_PROXY begin with http://, which is about the way to the proxy only", configError},
		{"an unknown CA", func(_ *testing.T, p *azuretest.Proxy) { p.StartTLS() }, "HTTPS_PROXY", nil,
			`PROXY (HTTPS_PROXY): its certificate is by "Acme Co", whom this machine does not trust`, configError},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := azuretest.NewProxy()
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
			_, err := get(t, via(t, environment(t, v), lasting(time.Hour)), "a")
			if got := outcomeOf(err); got != test.outcome {
				t.Errorf("got %s, want %s", got, test.outcome)
			}
			_, address, _ := strings.Cut(p.URL, "://")
			scheme, _, _ := strings.Cut(v[test.variable], "://")
			want := "https://example.com/results is out of reach: " + strings.Replace(test.want, "PROXY", "the proxy "+scheme+"://"+address, 1)
			checkLine(t, err, want)
		})
	}
}

// checkLine checks that an error is one line, begins as it should, and holds no
// secret.
func checkLine(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprint(err)} {
		for _, secret := range []string{proxyPassword, url.QueryEscape(proxyPassword)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q tells the password of the proxy", text)
			}
		}
	}
	checkSecrets(t, err)
}

// A sign-in without TLS, such as that of a web app, is asked through the proxy of
// HTTP_PROXY, which answers in its place.
func TestF24ProxyBeforeASignInWithoutTLS(t *testing.T) {
	p := azuretest.NewProxy()
	p.Start()
	t.Cleanup(p.Stop)
	p.Want("anna", "another")
	e := environment(t, variables{"HTTP_PROXY": withPassword(p.URL)})
	transport := azure.NewTransport(ample, e)
	t.Cleanup(transport.CloseIdleConnections)
	_, err := transport.Get("http://example.com/msi/token")
	checkLine(t, errors.Unwrap(err), "the proxy "+p.URL+" (HTTP_PROXY) refuses the user or password in HTTP_PROXY (407)")
}

// What a connection finds that is not the storage.
func TestF24SomethingElseIsThere(t *testing.T) {
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
			`https://example.com/results is not reached: something on the way answers in its place (403, Server: "squid"): a proxy, a firewall or a captive portal; ` +
				"the requests go through the proxy PROXY (HTTPS_PROXY); let it allow example.com, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", configError},
		{"a captive portal", "example.com", answers(302, map[string]string{"Location": "http://login.portal.example:80/?from=x#y"}),
			"https://example.com/results is out of reach: example.com:443 answers with a redirect (302) to http://login.portal.example, which is not followed: " +
				"a proxy, a firewall or a captive portal may answer in its place; the requests go through the proxy PROXY (HTTPS_PROXY); " +
				"let it allow example.com, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", configError},
		{"a page of a portal", "example.com", answers(200, map[string]string{"Content-Type": "text/html; charset=utf-8"}),
			"https://example.com/results is not reached: something on the way answers in its place (a page for people", configError},
		{"no TLS", "example.com", plainly, "https://example.com/results is out of reach: TLS with example.com:443: what answers there does not speak TLS", configError},
		{"another name", "cache.example.org", answers(200, nil),
			"https://cache.example.org/results is out of reach: TLS with cache.example.org:443: its certificate is for example.com, ", configError},
		{"the name of a private endpoint", "acc.privatelink.blob.core.windows.net", answers(200, nil),
			"https://acc.privatelink.blob.core.windows.net/results is out of reach: TLS with acc.privatelink.blob.core.windows.net:443: " +
				"its certificate is for example.com, *.example.com, 127.0.0.1: name the account as acc.blob.core.windows.net, ", configError},
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
			transport := azure.NewTransport(ample, environment(t, v))
			t.Cleanup(transport.CloseIdleConnections)
			c := open(t, azure.Options{Container: "results", Endpoint: "https://" + test.host, Credential: lasting(time.Hour), Transport: transport})
			_, err := get(t, c, "a")
			if got := outcomeOf(err); got != test.outcome {
				t.Errorf("got %s, want %s", got, test.outcome)
			}
			checkLine(t, err, strings.Replace(test.want, "PROXY", p.URL, 1))
		})
	}
}

// What cannot be had from a server on this machine.
func TestF24NetworkErrors(t *testing.T) {
	certificate := &x509.Certificate{
		Issuer:    pkix.Name{CommonName: "Corporate Root"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{"*.blob.core.windows.net", "*.z1.blob.storage.azure.net", "a\nb", "c.d", "e.f"},
	}
	unverified := func(err error) error {
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{certificate}, Err: err}
	}
	odd := *certificate
	odd.Issuer = pkix.Name{CommonName: "two\nlines"}
	ofCompany := odd
	ofCompany.Issuer = pkix.Name{Organization: []string{"Company"}}
	gone := &net.DNSError{Err: "no such host", Name: "x", Server: "10.0.0.1:53", IsNotFound: true}
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:443")), Err: err}
	}
	throughProxy := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	const account = "https://acc.blob.core.windows.net/results"
	for _, test := range []struct {
		name, to string
		err      error
		want     string
		lasts    bool
	}{
		{"no such account", account, dial(gone), `acc.blob.core.windows.net does not exist (DNS): the account's name "acc" is misspelt (azure.accountName in nx.json, or the connection string), ` +
			"or it has a private endpoint only and this machine's DNS does not know the zone privatelink.blob.core.windows.net", true},
		{"no private zone", "https://acc.privatelink.blob.core.windows.net/results", dial(gone), "acc.privatelink.blob.core.windows.net does not exist (DNS): " +
			"this machine's DNS does not know the private zone privatelink.blob.core.windows.net; name the account as acc.blob.core.windows.net, and link the zone", true},
		{"no such host", "https://login.example.com/", dial(gone), "login.example.com does not exist (DNS): check azure.endpoint in nx.json, the connection string and AZURE_AUTHORITY_HOST", true},
		{"no answer of DNS", account, dial(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), "acc.blob.core.windows.net is not found (DNS: i/o timeout): check this machine's network", false},
		{"no connection", account, dial(syscall.EHOSTUNREACH), "no connection to acc.blob.core.windows.net:443 (no route to host): check the network (VPN, firewall, private endpoint) and HTTPS_PROXY", false},
		{"another reason", account, dial(errors.New("an odd\nreason")), "no connection to acc.blob.core.windows.net:443 (an odd; reason): ", false},
		{"an unknown CA", account, unverified(x509.UnknownAuthorityError{}), `TLS with acc.blob.core.windows.net:443: its certificate is by "Corporate Root", whom this machine does not trust; ` +
			"where a proxy or firewall looks into TLS, set NODE_EXTRA_CA_CERTS (or SSL_CERT_FILE) to the PEM file of its certificate authority", true},
		{"the verifier of another system", account, unverified(errors.New("x509: “x” certificate is not trusted")), `TLS with acc.blob.core.windows.net:443: its certificate is by "Corporate Root", whom this machine does not trust`, true},
		{"a CA with an odd name", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{&odd}, Err: x509.UnknownAuthorityError{}}, `TLS with acc.blob.core.windows.net:443: its certificate is by "two\nlines", whom`, true},
		{"a CA without a name", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{{}}, Err: x509.UnknownAuthorityError{}}, "TLS with acc.blob.core.windows.net:443: its certificate is by somebody without a name, whom", true},
		{"a CA of a company", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{&ofCompany}, Err: x509.UnknownAuthorityError{}}, `TLS with acc.blob.core.windows.net:443: its certificate is by "Company", whom`, true},
		{"nothing known of the CA", account, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "TLS with acc.blob.core.windows.net:443: its certificate is by somebody, whom", true},
		{"a certificate that has ended", account, unverified(x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired}), `TLS with acc.blob.core.windows.net:443: its certificate, by "Corporate Root", ` +
			"is good from 2020-01-01 00:00 UTC to 2021-01-01 00:00 UTC, and this machine's clock says ", true},
		{"another fault of a certificate", account, unverified(x509.CertificateInvalidError{Cert: certificate, Reason: x509.NotAuthorizedToSign}), `TLS with acc.blob.core.windows.net:443: its certificate, by "Corporate Root", is not good: x509: certificate is not authorized to sign`, true},
		{"a certificate for names", "https://10.0.0.4/results", unverified(x509.HostnameError{Certificate: certificate, Host: "10.0.0.4"}), "TLS with 10.0.0.4:443: " +
			"its certificate is for *.blob.core.windows.net, *.z1.blob.storage.azure.net, a\\nb: it is not good for an address; set azure.endpoint to the account's name", true},
		{"a certificate for nobody", account, unverified(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "acc"}), "TLS with acc.blob.core.windows.net:443: its certificate is for nobody, and not for acc.blob.core.windows.net: something between", true},
		{"a firewall", account, &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, "TLS with acc.blob.core.windows.net:443: the server ends it (tls: handshake failure): something between may forbid it", false},
		{"no such proxy", "https://proxied.example/", throughProxy(dial(gone)), "the host of the proxy http://proxy.example:3128 (HTTPS_PROXY) does not exist (DNS): correct HTTPS_PROXY", true},
		{"no answer of DNS for the proxy", "https://proxied.example/", throughProxy(dial(&net.DNSError{Err: "server misbehaving"})), "the host of the proxy http://proxy.example:3128 (HTTPS_PROXY) is not found (DNS: server misbehaving): correct HTTPS_PROXY", false},
		{"a SOCKS proxy that refuses", "https://proxied.example/", &net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("username/password authentication failed")},
			"the proxy http://proxy.example:3128 (HTTPS_PROXY) does not connect to proxied.example:443 (username/password authentication failed): correct the user and password in HTTPS_PROXY, let the proxy allow proxied.example", false},
		{"a firewall that resets", account, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, "the connection to acc.blob.core.windows.net:443 was closed before a response (connection reset by peer): if this persists, a firewall or proxy may be blocking it; check the network", false},
		{"a proxy that hangs up", "https://proxied.example/", io.EOF, "the connection to proxied.example:443 through the proxy http://proxy.example:3128 (HTTPS_PROXY) was closed before a response (EOF): ", false},
		{"another error", account, errors.New("odd"), "odd", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, err := url.Parse(test.to)
			if err != nil {
				t.Fatal(err)
			}
			e := environment(t, variables{"HTTPS_PROXY": withPassword("http://proxy.example:3128"), "NO_PROXY": ".windows.net,10.0.0.0/8"})
			got := azure.Explain(e, to, test.err)
			checkLine(t, got, test.want)
			_, lasts := errors.AsType[interface {
				error
				NonRetriable()
			}](got)
			if lasts != test.lasts || !errors.Is(got, test.err) {
				t.Errorf("got %#v, want that it lasts: %t, and its cause", got, test.lasts)
			}
		})
	}
}

// What stays as it is until somebody changes it is not tried again.
func TestSettingsThatAreWrongCostOneTry(t *testing.T) {
	handshakes := 0
	s := newUnstarted(t, ok)
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { handshakes++; return nil, nil }}
	s.StartTLS()
	transport := azure.NewTransport(ample, azure.Environment{}) // which does not trust it
	t.Cleanup(transport.CloseIdleConnections)
	c := open(t, azure.Options{Container: "results", Endpoint: s.URL, Credential: lasting(time.Hour), Transport: transport})
	_, err := c.Get(context.WithoutCancel(t.Context()), "a")
	checkLine(t, err, s.URL+"/results is out of reach: TLS with ")
	s.Close() // ends the goroutines that count
	if handshakes != 1 {
		t.Errorf("got %d tries, want 1", handshakes)
	}
}
