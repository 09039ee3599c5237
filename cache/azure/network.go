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
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// NetworkReport is how the requests of a container get to the storage. Nothing in
// it is secret.
type NetworkReport struct {
	Host      string // and port of the storage
	Proxy     transport.Proxy
	CAs       []transport.CAFile
	Addresses []netip.Addr // of the first hop: the host, or the proxy
	// Private is set where all addresses are those of private networks, as those of
	// private endpoints are.
	Private bool
	Issuer  string    // of the certificate
	Expires time.Time // of the certificate
	// Answered is set where Azure, or an emulator, has answered. Only then
	// Skew is known, by which this machine's clock is behind; it is less than a
	// second off.
	Answered bool
	Skew     time.Duration
	Steps    []transport.Step
}

// MaxSkew is the difference of the clocks that does no harm yet.
const MaxSkew = explain.MaxSkew

// SkewAdvice says what is wrong with this machine's clock, and what mends it; ""
// where it is right.
func (r NetworkReport) SkewAdvice() string {
	if !r.Answered || r.Skew.Abs() <= MaxSkew {
		return ""
	}
	return explain.ClockProblem(r.Skew)
}

// Network finds out how requests get to the storage. It sends one, without a
// credential, on a connection of its own; any answer of Azure's is a good one.
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
		return report // it is a URL
	}
	response, trace, err := sender.Trace(request)
	last := &trace.Steps[len(trace.Steps)-1]
	switch {
	case err != nil:
		last.Err = errors.New(c.explain.Scrub(explain.WithoutURL(err).Error()))
	case !explain.IsAzure(response.Header):
		last.Err = errors.New(c.explain.Intercepted(&explain.InterceptedError{Response: response}))
	default:
		last.Detail = fmt.Sprintf("%d from Azure, request %s", response.StatusCode, printable.Short(response.Header.Get("X-Ms-Request-Id"), transport.MaxShown))
		report.Answered = true
		report.Skew, _ = explain.SkewOf(response.Header, time.Now())
	}
	if response != nil {
		_ = response.Body.Close() // a HEAD has none
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
