package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// proxyPassword is a password that no line may contain.
const proxyPassword = "pr0xy/secret"

func withPassword(proxy string) string {
	return strings.Replace(proxy, "://", "://anna:"+url.QueryEscape(proxyPassword)+"@", 1)
}

// checkLine checks that an error is one line with the right beginning and without a
// secret.
func checkLine(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprint(err)} {
		for _, secret := range []string{proxyPassword, url.QueryEscape(proxyPassword)} {
			if strings.Contains(text, secret) {
				t.Errorf("%q contains the proxy's password", text)
			}
		}
	}
}

// Errors that a server on this machine cannot cause.
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
		{"no such account", account, dial(gone), `acc.blob.core.windows.net does not exist (DNS): either the account name "acc" is misspelled (azure.accountName in nx.json, or the connection string), ` +
			"or the account has only a private endpoint and this machine's DNS does not know the zone privatelink.blob.core.windows.net", true},
		{"no private zone", "https://acc.privatelink.blob.core.windows.net/results", dial(gone), "acc.privatelink.blob.core.windows.net does not exist (DNS): " +
			"this machine's DNS does not know the private zone privatelink.blob.core.windows.net: use the host acc.blob.core.windows.net, and link the zone", true},
		{"no such host", "https://login.example.com/", dial(gone), "login.example.com does not exist (DNS): check where it is set (azure.endpoint in nx.json, the connection string or AZURE_AUTHORITY_HOST)", true},
		{"no response from DNS", account, dial(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), "acc.blob.core.windows.net could not be resolved (DNS: i/o timeout): check this machine's network", false},
		{"no connection", account, dial(syscall.EHOSTUNREACH), "no connection to acc.blob.core.windows.net:443 (no route to host): check the network (VPN, firewall, private endpoint) and HTTPS_PROXY", false},
		{"another reason", account, dial(errors.New("an odd\nreason")), "no connection to acc.blob.core.windows.net:443 (an odd; reason): ", false},
		{"an unknown CA", account, unverified(x509.UnknownAuthorityError{}), `TLS with acc.blob.core.windows.net:443: its certificate is issued by "Corporate Root", which this machine does not trust: ` +
			"if a proxy or firewall inspects TLS, set NODE_EXTRA_CA_CERTS (or SSL_CERT_FILE) to the PEM file of its certificate authority", true},
		{"the verifier of another system", account, unverified(errors.New("x509: “x” certificate is not trusted")), `TLS with acc.blob.core.windows.net:443: its certificate is issued by "Corporate Root", which this machine does not trust`, true},
		{"a CA with an odd name", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{&odd}, Err: x509.UnknownAuthorityError{}}, `TLS with acc.blob.core.windows.net:443: its certificate is issued by "two\nlines", which`, true},
		{"a CA without a name", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{{}}, Err: x509.UnknownAuthorityError{}}, "TLS with acc.blob.core.windows.net:443: its certificate is issued by an unnamed issuer, which", true},
		{"a CA of a company", account, &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{&ofCompany}, Err: x509.UnknownAuthorityError{}}, `TLS with acc.blob.core.windows.net:443: its certificate is issued by "Company", which`, true},
		{"nothing known of the CA", account, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "TLS with acc.blob.core.windows.net:443: its certificate is issued by an unknown issuer, which", true},
		{"a certificate that has ended", account, unverified(x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired}), `TLS with acc.blob.core.windows.net:443: its certificate, issued by "Corporate Root", ` +
			"is valid from 2020-01-01 00:00 UTC to 2021-01-01 00:00 UTC, but this machine's clock says ", true},
		{"another fault of a certificate", account, unverified(x509.CertificateInvalidError{Cert: certificate, Reason: x509.NotAuthorizedToSign}), `TLS with acc.blob.core.windows.net:443: its certificate, issued by "Corporate Root", is invalid: x509: certificate is not authorized to sign`, true},
		{"a certificate for names", "https://10.0.0.4/results", unverified(x509.HostnameError{Certificate: certificate, Host: "10.0.0.4"}), "TLS with 10.0.0.4:443: " +
			"its certificate is for *.blob.core.windows.net, *.z1.blob.storage.azure.net, a\\nb, not for an IP address: set azure.endpoint to https://ACCOUNT", true},
		{"a certificate for no host", account, unverified(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "acc"}), "TLS with acc.blob.core.windows.net:443: its certificate is for no host, not for acc.blob.core.windows.net: a proxy or firewall", true},
		{"a firewall", account, &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, "TLS with acc.blob.core.windows.net:443: the server aborted the handshake (tls: handshake failure): a firewall or proxy may be blocking it", false},
		{"no such proxy", "https://proxied.example/", throughProxy(dial(gone)), "the host of the proxy http://proxy.example:3128 (HTTPS_PROXY) does not exist (DNS): correct HTTPS_PROXY", true},
		{"no response from DNS for the proxy", "https://proxied.example/", throughProxy(dial(&net.DNSError{Err: "server misbehaving"})), "the host of the proxy http://proxy.example:3128 (HTTPS_PROXY) could not be resolved (DNS: server misbehaving): correct HTTPS_PROXY", false},
		{"a SOCKS proxy that refuses", "https://proxied.example/", &net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("username/password authentication failed")},
			"the proxy http://proxy.example:3128 (HTTPS_PROXY) did not connect to proxied.example:443 (username/password authentication failed): correct the user and password in HTTPS_PROXY, allow proxied.example", false},
		{"a firewall that resets", account, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, "the connection to acc.blob.core.windows.net:443 was closed before a response (connection reset by peer): if this persists, check the firewall", false},
		{"a proxy that hangs up", "https://proxied.example/", io.EOF, "the connection to proxied.example:443 through the proxy http://proxy.example:3128 (HTTPS_PROXY) was closed before a response (EOF): ", false},
		{"another error", account, errors.New("odd"), "odd", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, err := url.Parse(test.to)
			if err != nil {
				t.Fatal(err)
			}
			e := environment(t, variables{"HTTPS_PROXY": withPassword("http://proxy.example:3128"), "NO_PROXY": ".windows.net,10.0.0.0/8"})
			got := e.Explain(to, test.err)
			checkLine(t, got, test.want)
			_, lasts := errors.AsType[interface {
				error
				NonRetriable()
			}](got)
			if lasts != test.lasts || !errors.Is(got, test.err) {
				t.Errorf("got %#v, want it permanent: %t, with its cause", got, test.lasts)
			}
		})
	}
}
