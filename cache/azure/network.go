package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// NetworkReport is how requests reach the storage. It contains no secrets.
type NetworkReport struct {
	Host      string // and port of the storage
	Proxy     transport.Proxy
	CAs       []transport.CAFile
	Addresses []netip.Addr // of the first hop: the host or the proxy
	// Private is set if all addresses are private, as those of private endpoints are.
	Private bool
	Issuer  string    // of the certificate
	Expires time.Time // of the certificate
	// Answered is set if Azure, or an emulator, responded. Only then is Skew known: how far
	// this machine's clock is behind, to the second.
	Answered bool
	Skew     time.Duration
	Steps    []transport.Step
}

// MaxSkew is the clock difference that does no harm.
const MaxSkew = explain.MaxSkew

// ClockProblem returns this machine's clock error and its fix; "" if the clock is right.
func (r NetworkReport) ClockProblem() string {
	if !r.Answered || r.Skew.Abs() <= MaxSkew {
		return ""
	}
	return explain.ClockProblem(r.Skew)
}

// Network finds out how requests reach the storage. It sends one request, without a
// credential and on a new connection. Any response from Azure is a success.
func (c *Container) Network(ctx context.Context) NetworkReport {
	var report NetworkReport
	sender, ok := c.transport.(*transport.Transport)
	to, err := url.Parse(c.explain.URL)
	if !ok || err != nil {
		return report // a transport of a test
	}
	report.Host, report.Proxy, report.CAs = endpoint.AddressOf(to), sender.Environment().ProxyFor(to), sender.Environment().CAs
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, c.explain.URL+"?restype=container", nil)
	if err != nil {
		return report // it is a valid URL
	}
	response, trace, err := sender.Trace(request)
	last := &trace.Steps[len(trace.Steps)-1]
	switch {
	case err != nil:
		code, _ := diagnostic.CodeOf(err)
		last.Err = diagnostic.With(code, errors.New(c.explain.Scrub(explain.WithoutURL(err).Error())))
	case !explain.IsAzure(response.Header):
		last.Err = diagnostic.With(diagnostic.NotAzure, errors.New(c.explain.Intercepted(&explain.InterceptedError{Response: response})))
	default:
		last.Detail = fmt.Sprintf("%d from Azure, request %s", response.StatusCode, printable.Short(response.Header.Get("X-Ms-Request-Id"), transport.MaxShown))
		report.Answered = true
		report.Skew, _ = explain.SkewOf(response.Header, time.Now())
	}
	if response != nil {
		_ = response.Body.Close() // HEAD has no body
	}
	report.Steps, report.Addresses = trace.Steps, trace.Addresses
	report.Private = len(trace.Addresses) > 0
	for _, address := range trace.Addresses {
		report.Private = report.Private && transport.IsPrivate(address)
	}
	if state := trace.State; state != nil && len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		report.Issuer, report.Expires = printable.Short(leaf.Issuer.String(), transport.MaxShown), leaf.NotAfter
	}
	return report
}
