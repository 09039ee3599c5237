package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// NetworkError says in one line why a request failed, and how to fix it. It is the same
// for the storage and for a sign-in.
type NetworkError struct {
	code diagnostic.Code
	text string
	err  error
}

func (e *NetworkError) Error() string               { return e.text }
func (e *NetworkError) Unwrap() error               { return e.err }
func (e *NetworkError) Diagnostic() diagnostic.Code { return e.code }

// PermanentError is a [NetworkError] that a retry cannot help: its cause is a setting or
// a decision. All others may be transient.
type PermanentError struct{ NetworkError }

// NonRetriable tells azcore's retry policy that a retry is useless.
func (*PermanentError) NonRetriable() {}

func transient(code diagnostic.Code, err error, format string, args ...any) error {
	return &NetworkError{code, fmt.Sprintf(format, args...), err}
}

func Permanent(code diagnostic.Code, err error, format string, args ...any) error {
	return &PermanentError{NetworkError{code, fmt.Sprintf(format, args...), err}}
}

// explainingTransport turns the errors of a transport into lines that people can act on.
type explainingTransport struct {
	environment Environment
	next        http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (e explainingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := e.next.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusProxyAuthRequired { // to a plain-text request through a proxy
		err = checkConnectResponse(request.Context(), nil, request, response)
		_ = response.Body.Close() // it is not read
	}
	if err != nil {
		return nil, e.environment.Explain(request.URL, err)
	}
	if location := response.Header.Get("Location"); location != "" && isRedirect(response.StatusCode) {
		_ = response.Body.Close() // it is for browsers
		return nil, e.redirected(request.URL, response.StatusCode, location)
	}
	return response, nil
}

// isRedirect reports whether package http would follow a Location.
func isRedirect(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

// redirected reports a redirect. The location may contain the secrets of the request, or
// any string, so only its host is shown.
func (e explainingTransport) redirected(from *url.URL, status int, location string) error {
	to := "elsewhere"
	if u, err := from.Parse(location); err == nil {
		if at, ok := endpoint.Parse(u.Scheme + "://" + u.Host); ok {
			to = "to " + at.Scheme + "://" + strings.TrimSuffix(at.Address(), ":"+endpoint.DefaultPort(at.Scheme))
		}
	}
	through := ""
	if proxy := e.environment.ProxyFor(from); proxy.Address != "" {
		through = "; requests go through " + proxy.String()
	}
	return Permanent(diagnostic.NotAzure, nil, "%s responded with a redirect (%d) %s, which is not followed: a proxy, firewall or captive portal may be responding in its "+
		"place%s; allow %s there, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", endpoint.AddressOf(from), status, to, through, from.Hostname())
}

// Explain turns the error of a request into one that says how to fix it.
func (e Environment) Explain(to *url.URL, err error) error {
	proxy := e.ProxyFor(to)
	if isTooManyFiles(err) {
		return transient(diagnostic.TooManyFiles, ErrTooManyFiles, "no connection to %s (%v)", endpoint.AddressOf(to), ErrTooManyFiles)
	}
	if limit, ok := errors.AsType[*LimitError](err); ok {
		if limit.Key == "connect" {
			return connectTimeout(*limit, proxy, to)
		}
		return err
	}
	if refused, ok := errors.AsType[*connectRefusal](err); ok {
		hasCredentials := proxy.Address != "" && e.proxyURL(to).User != nil
		return refused.explain(proxy, endpoint.AddressOf(to), hasCredentials)
	}
	switch failed, ok := errors.AsType[*net.OpError](err); {
	case ok && failed.Op == "proxyconnect":
		return explainProxy(proxy, err)
	case ok && failed.Op == "socks connect":
		return transient(diagnostic.ProxyFailed, err, "%s did not connect to %s (%s): correct the user and password in %s, allow %s in the proxy, or add it to NO_PROXY if it is reachable directly",
			proxy, endpoint.AddressOf(to), reason(err), proxy.Variable, to.Hostname())
	case isBroken(err):
		through := ""
		if proxy.Address != "" {
			through = " through " + proxy.String()
		}
		return transient(diagnostic.NoConnection, err, "the connection to %s%s was closed before a response (%s): if this persists, check the firewall, the VPN and HTTPS_PROXY",
			endpoint.AddressOf(to), through, reason(err))
	}
	return explainDirect(to, err)
}

// connectTimeout says what to check if packets are dropped.
func connectTimeout(limit LimitError, proxy Proxy, to *url.URL) error {
	if proxy.Address != "" {
		limit.What += " through " + proxy.String()
		limit.Hint = fmt.Sprintf("check %s, and whether the proxy allows %s", proxy.Variable, to.Hostname())
	} else {
		limit.Hint = fmt.Sprintf("check whether this machine can reach %s (VPN, firewall, private endpoint), and HTTPS_PROXY", endpoint.AddressOf(to))
	}
	return &limit
}

// connectRefusal is a proxy's response to CONNECT that is not 200.
type connectRefusal struct {
	status  int
	schemes []string // of Proxy-Authenticate
}

func (e *connectRefusal) Error() string { return fmt.Sprint("the proxy responded with ", e.status) }

// checkConnectResponse is the OnProxyConnectResponse of a transport.
func checkConnectResponse(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	refusal := &connectRefusal{status: response.StatusCode}
	for _, challenge := range response.Header.Values("Proxy-Authenticate") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(challenge), " ")
		if scheme = printable.Short(scheme, MaxShown); scheme != "" {
			refusal.schemes = append(refusal.schemes, scheme)
		}
	}
	return refusal
}

func (e *connectRefusal) explain(proxy Proxy, to string, hasCredentials bool) error {
	switch {
	case e.status == http.StatusProxyAuthRequired && len(e.schemes) > 0 && !containsFold(e.schemes, "Basic"):
		return Permanent(diagnostic.ProxyFailed, e, "%s requires authentication by %s (407), but only Basic is supported: set %s to a local proxy that handles it (cntlm, px), or add %s to NO_PROXY",
			proxy, strings.Join(e.schemes, ", "), proxy.Variable, hostOf(to))
	case e.status == http.StatusProxyAuthRequired && hasCredentials:
		return Permanent(diagnostic.ProxyFailed, e, "%s rejected the user or password in %s (407): correct them, with special characters percent-encoded", proxy, proxy.Variable)
	case e.status == http.StatusProxyAuthRequired:
		return Permanent(diagnostic.ProxyFailed, e, "%s requires a user and password (407): set %s=http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded", proxy, proxy.Variable)
	case e.status >= 500:
		return transient(diagnostic.ProxyFailed, e, "%s cannot reach %s (%d): check the host name and whether the proxy allows it; if the host is reachable directly (a private endpoint), add %s to NO_PROXY",
			proxy, to, e.status, hostOf(to))
	default:
		return Permanent(diagnostic.ProxyFailed, e, "%s refused to connect to %s (%d): allow %s in the proxy, or add it to NO_PROXY if it is reachable directly",
			proxy, to, e.status, hostOf(to))
	}
}

// explainProxy explains why the proxy itself is unreachable.
func explainProxy(proxy Proxy, err error) error {
	const fix = "correct %s, or unset it if no proxy is needed"
	if isPlaintext(err) {
		return Permanent(diagnostic.ProxyFailed, err, "%s does not speak TLS: write %s with http://, which affects only the connection to the proxy", proxy, proxy.Variable)
	}
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Permanent(diagnostic.TLSFailed, err, "%s: %s", proxy, certificateProblem(hostOf(strings.TrimPrefix(proxy.Address, "https://")), failed))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return Permanent(diagnostic.ProxyFailed, err, "the host of %s does not exist (DNS): "+fix, proxy, proxy.Variable)
		}
		return transient(diagnostic.ProxyFailed, err, "the host of %s could not be resolved (DNS: %s): "+fix, proxy, dnsReason(dns), proxy.Variable)
	}
	return transient(diagnostic.ProxyFailed, err, "%s is unreachable (%s): "+fix, proxy, reason(err), proxy.Variable)
}

// explainDirect explains an error between this machine, or a connected proxy, and a
// server.
func explainDirect(to *url.URL, err error) error {
	host := to.Hostname()
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Permanent(diagnostic.TLSFailed, err, "TLS with %s: %s", endpoint.AddressOf(to), certificateProblem(host, failed))
	}
	if isPlaintext(err) {
		return Permanent(diagnostic.TLSFailed, err, "TLS with %s: the server does not speak TLS: check azure.endpoint in nx.json, and any proxy or firewall in between", endpoint.AddressOf(to))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return Permanent(diagnostic.HostUnknown, err, "%s does not exist (DNS): %s", host, hostNotFoundHint(host))
		}
		return transient(diagnostic.HostUnknown, err, "%s could not be resolved (DNS: %s): check this machine's network and DNS server", host, dnsReason(dns))
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return transient(diagnostic.TLSFailed, err, "TLS with %s: the server aborted the handshake (%v): a firewall or proxy may be blocking it", endpoint.AddressOf(to), alert)
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return transient(diagnostic.NoConnection, err, "no connection to %s (%s): check the network (VPN, firewall, private endpoint) and HTTPS_PROXY", endpoint.AddressOf(to), reason(err))
	}
	return err
}

// ErrTooManyFiles is wrapped by a [NetworkError] that is not about the network. It is
// retried, because a descriptor may become free.
var ErrTooManyFiles = errors.New("too many open files")

// isTooManyFiles reports whether the process cannot open more files. A DNS error has that
// only in its string.
func isTooManyFiles(err error) bool {
	dns, isDNS := errors.AsType[*net.DNSError](err)
	return fileerror.IsTooMany(err) || isDNS && (strings.Contains(dns.Err, syscall.EMFILE.Error()) || strings.Contains(dns.Err, syscall.ENFILE.Error()))
}

// hostNotFoundHint suggests a fix for a host that does not exist.
func hostNotFoundHint(host string) string {
	account, zone, _ := strings.Cut(host, ".")
	switch {
	case strings.HasPrefix(zone, "privatelink."):
		return fmt.Sprintf("this machine's DNS does not know the private zone %s: use the host %s.%s, and link the zone to this machine's network",
			zone, account, strings.TrimPrefix(zone, "privatelink."))
	case strings.HasPrefix(zone, "blob."):
		return fmt.Sprintf("either the account name %q is misspelled (azure.accountName in nx.json, or the connection string), or the account has "+
			"only a private endpoint and this machine's DNS does not know the zone privatelink.%s", account, zone)
	default:
		return "check where it is set (azure.endpoint in nx.json, the connection string or AZURE_AUTHORITY_HOST), and this machine's DNS"
	}
}

// certificateProblem says why a certificate is not valid for a host, and the fix.
func certificateProblem(host string, err *tls.CertificateVerificationError) string {
	issuer := "an unknown issuer"
	if len(err.UnverifiedCertificates) > 0 {
		issuer = issuerOf(err.UnverifiedCertificates[0])
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		names := namesOf(wrong.Certificate)
		switch {
		case strings.Contains(host, ".privatelink."):
			return fmt.Sprintf("its certificate is for %s: use the host %s, which the private DNS zone resolves to the same private endpoint",
				names, strings.Replace(host, ".privatelink.", ".", 1))
		case net.ParseIP(host) != nil:
			return fmt.Sprintf("its certificate is for %s, not for an IP address: set azure.endpoint to https://ACCOUNT.blob.core.windows.net, "+
				"which the zone privatelink.blob.core.windows.net resolves to a private endpoint", names)
		default:
			return fmt.Sprintf("its certificate is for %s, not for %s: a proxy or firewall may be responding in its place, or azure.endpoint in nx.json has the wrong host name", names, host)
		}
	}
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	if isInvalid && invalid.Reason == x509.Expired {
		return fmt.Sprintf("its certificate, issued by %s, is valid from %s to %s, but this machine's clock says %s: correct the clock, or renew the certificate",
			issuer, FormatTime(invalid.Cert.NotBefore), FormatTime(invalid.Cert.NotAfter), FormatTime(time.Now()))
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown || !isInvalid {
		return fmt.Sprintf("its certificate is issued by %s, which this machine does not trust: if a proxy or firewall inspects TLS, set "+
			"NODE_EXTRA_CA_CERTS (or SSL_CERT_FILE) to the PEM file of its certificate authority", issuer)
	}
	return fmt.Sprintf("its certificate, issued by %s, is invalid: %s", issuer, printable.Line(invalid.Error()))
}

// FormatTime formats a time for people.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// issuerOf names the issuer of a certificate.
func issuerOf(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if name == "" && len(c.Issuer.Organization) > 0 {
		name = c.Issuer.Organization[0]
	}
	if name == "" {
		return "an unnamed issuer"
	}
	return fmt.Sprintf("%.120q", name)
}

// namesOf lists the first names of a certificate.
func namesOf(c *x509.Certificate) string {
	const enough = 3
	var names []string
	for _, name := range c.DNSNames {
		if name = printable.Short(name, MaxShown); name != "" && len(names) < enough {
			names = append(names, name)
		}
	}
	for _, ip := range c.IPAddresses {
		if len(names) < enough {
			names = append(names, ip.String())
		}
	}
	if len(names) == 0 {
		return "no host"
	}
	return strings.Join(names, ", ")
}

// isPlaintext reports whether the server responded without TLS.
func isPlaintext(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// dnsReason is the reason of a DNS error, without its addresses.
func dnsReason(err *net.DNSError) string { return printable.Line(err.Err) }

// reason is the system's reason for a failed connection.
func reason(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Err != nil {
		return printable.Line(failed.Err.Error())
	}
	return printable.Line(err.Error())
}

// isBroken reports whether a connection was closed by the other side or on the way.
func isBroken(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == "read" || failed.Op == "write") || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func containsFold(list []string, text string) bool {
	for _, item := range list {
		if strings.EqualFold(item, text) {
			return true
		}
	}
	return false
}

// MaxShown is how many bytes of a name that a server chooses are shown.
const MaxShown = 120
