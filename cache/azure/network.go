package azure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// The names of the steps of a [NetworkReport], in their order.
const (
	StepDNS     = "dns"     // the host's addresses; behind a proxy, the proxy's
	StepConnect = "connect" // the first of them that takes a connection
	StepProxy   = "proxy"   // which connects to the host
	StepTLS     = "tls"     // with the host
	StepHTTP    = "http"    // a request, and who answers it
)

// NetworkStep is what came of a step.
type NetworkStep struct {
	Name   string
	Took   time.Duration
	Detail string // what was found, on one line
	Err    error  // why it failed and what mends that, on one line; the last step has it, if any
}

// NetworkReport is how the requests of a container get to the storage. Nothing in
// it is secret.
type NetworkReport struct {
	Host      string // and port of the storage
	Proxy     Proxy
	CAs       []CAFile
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
	Steps    []NetworkStep
}

// MaxSkew is the difference of the clocks that does no harm yet.
const MaxSkew = tolerated

// SkewAdvice says what is wrong with this machine's clock, and what mends it; ""
// where it is right.
func (r NetworkReport) SkewAdvice() string {
	if !r.Answered || r.Skew.Abs() <= MaxSkew {
		return ""
	}
	return clockTrouble(r.Skew)
}

// Network finds out how requests get to the storage. It sends one, without a
// credential, on a connection of its own; any answer of Azure's is a good one.
func (c *Container) Network(ctx context.Context) NetworkReport {
	var report NetworkReport
	transport, ok := c.transport.(*Transport)
	to, err := url.Parse(c.url)
	if !ok || err != nil {
		return report // a transport of a test
	}
	report.Host, report.Proxy, report.CAs = addressOf(to), transport.environment.ProxyFor(to), transport.environment.CAs
	t := &tracing{secure: to.Scheme == "https", proxied: report.Proxy.Address != ""}
	ctx = httptrace.WithClientTrace(ctx, t.hooks())
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, c.url+"?restype=container", nil)
	if err != nil {
		return report // it is a URL
	}
	fresh := transport.fresh()
	defer fresh.CloseIdleConnections()
	fresh.pool.open() // whom to trust is not part of what is measured
	t.begin()
	response, err := fresh.Do(request)
	t.end(&report, response, err, c)
	return report
}

// tracing notes the steps of a request. Its hooks are called by several
// goroutines.
type tracing struct {
	secure, proxied bool

	mu        sync.Mutex
	done      []NetworkStep
	last      time.Time // when the last step ended
	addresses []netip.Addr
	state     *tls.ConnectionState
	sent      bool // the request
}

func (t *tracing) begin() { t.last = time.Now() }

// step notes that a step has ended well. The caller holds the lock.
func (t *tracing) step(name, detail string) {
	now := time.Now()
	t.done = append(t.done, NetworkStep{Name: name, Took: now.Sub(t.last), Detail: detail})
	t.last = now
}

func (t *tracing) has(name string) bool {
	for _, step := range t.done {
		if step.Name == name {
			return true
		}
	}
	return false
}

func (t *tracing) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if info.Err != nil || t.has(StepDNS) {
				return
			}
			for _, ip := range info.Addrs {
				if address, ok := netip.AddrFromSlice(ip.IP); ok {
					t.addresses = append(t.addresses, address.Unmap())
				}
			}
			t.step(StepDNS, fmt.Sprint(t.addresses))
		},
		ConnectDone: func(_, address string, err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if err != nil || t.has(StepConnect) { // it tries several addresses at once
				return
			}
			if at, err := netip.ParseAddrPort(address); err == nil && len(t.addresses) == 0 {
				t.addresses = []netip.Addr{at.Addr().Unmap()} // there was no name to look up
			}
			t.step(StepConnect, address)
		},
		TLSHandshakeStart: func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.proxied && t.has(StepConnect) && !t.has(StepProxy) {
				t.step(StepProxy, "")
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if err == nil {
				t.state = &state
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if conn, ok := info.Conn.(*tls.Conn); ok && t.state == nil {
				state := conn.ConnectionState()
				t.state = &state
			}
			if t.secure {
				t.step(StepTLS, t.tlsDetail())
			}
			t.sent = true
		},
	}
}

func (t *tracing) tlsDetail() string {
	if t.state == nil || len(t.state.PeerCertificates) == 0 {
		return ""
	}
	leaf := t.state.PeerCertificates[0]
	return fmt.Sprintf("%s, certificate by %s, good to %s", tls.VersionName(t.state.Version), issuerOf(leaf), day(leaf.NotAfter))
}

// end notes the last step, and what the answer tells.
func (t *tracing) end(report *NetworkReport, response *http.Response, err error, c *Container) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.step(t.next(err), "")
		t.done[len(t.done)-1].Err = errors.New(c.scrub(cause(err).Error()))
	case !isAzure(response.Header):
		t.step(StepHTTP, response.Status)
		t.done[len(t.done)-1].Err = errors.New(c.intercepted(&interceptedError{response}))
	default:
		t.step(StepHTTP, fmt.Sprintf("%d of Azure, request %s", response.StatusCode, printable.Short(response.Header.Get("X-Ms-Request-Id"), maxForeign)))
		report.Answered = true
		report.Skew, _ = skewOf(response.Header, time.Now())
	}
	if response != nil {
		_ = response.Body.Close() // a HEAD has none
	}
	report.Steps, report.Addresses = t.done, t.addresses
	report.Private = len(t.addresses) > 0
	for _, address := range t.addresses {
		report.Private = report.Private && isPrivate(address)
	}
	if t.state != nil && len(t.state.PeerCertificates) > 0 {
		leaf := t.state.PeerCertificates[0]
		report.Issuer, report.Expires = printable.Short(leaf.Issuer.String(), maxForeign), leaf.NotAfter
	}
}

// isPrivate reports whether an address is one of a private network, as those of
// private endpoints are.
func isPrivate(address netip.Addr) bool {
	return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast()
}

// next is the step that an error is about.
func (t *tracing) next(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return StepDNS
	}
	if _, ok := errors.AsType[*connectRefusal](err); ok {
		return StepProxy
	}
	switch {
	case !t.has(StepConnect):
		return StepConnect
	case t.proxied && !t.has(StepProxy):
		return StepProxy
	case t.secure && !t.sent:
		return StepTLS
	default:
		return StepHTTP
	}
}
