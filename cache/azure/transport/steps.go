package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// The steps of a [Trace], in order.
const (
	StepDNS     = "dns"     // the host's addresses; behind a proxy, the proxy's
	StepConnect = "connect" // the first of them that accepts a connection
	StepProxy   = "proxy"   // which connects to the host
	StepTLS     = "tls"     // with the host
	StepHTTP    = "http"    // a request and its response
)

// Step is the result of one step.
type Step struct {
	Name   string
	Took   time.Duration
	Detail string // what was found, on one line
	Err    error  // why it failed and the fix, on one line; only the last step can have it
}

// Trace is how a request reached a server.
type Trace struct {
	Steps     []Step       // the last one is the response, or the step that failed
	Addresses []netip.Addr // of the first hop: the host or the proxy
	// State is that of TLS with the host, or nil.
	State *tls.ConnectionState
}

// Trace sends a request on a new connection and records its steps. The caller closes the
// response.
func (t *Transport) Trace(request *http.Request) (*http.Response, Trace, error) {
	n := &stepRecorder{secure: request.URL.Scheme == "https", proxied: t.environment.ProxyFor(request.URL).Address != ""}
	fresh := newTransport(t.limits, t.environment, t.dialer.config)
	defer fresh.CloseIdleConnections()
	fresh.pool.open() // loading the certificate authorities is not measured
	n.last = time.Now()
	response, err := fresh.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), n.hooks())))
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.step(n.next(err), "")
	} else {
		n.step(StepHTTP, response.Status)
	}
	return response, Trace{slices.Clone(n.done), n.addresses, n.state}, err
}

// stepRecorder records the steps of a request. Its hooks run on several goroutines.
type stepRecorder struct {
	secure, proxied bool

	mu        sync.Mutex
	done      []Step
	last      time.Time // when the last step ended
	addresses []netip.Addr
	state     *tls.ConnectionState
	sent      bool // the request
}

// step records a step that succeeded. The caller holds the lock.
func (t *stepRecorder) step(name, detail string) {
	now := time.Now()
	t.done = append(t.done, Step{Name: name, Took: now.Sub(t.last), Detail: detail})
	t.last = now
}

func (t *stepRecorder) has(name string) bool {
	for _, step := range t.done {
		if step.Name == name {
			return true
		}
	}
	return false
}

func (t *stepRecorder) hooks() *httptrace.ClientTrace {
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
			if err != nil || t.has(StepConnect) { // several addresses are tried at once
				return
			}
			if at, err := netip.ParseAddrPort(address); err == nil && len(t.addresses) == 0 {
				t.addresses = []netip.Addr{at.Addr().Unmap()} // the host is an address
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

func (t *stepRecorder) tlsDetail() string {
	if t.state == nil || len(t.state.PeerCertificates) == 0 {
		return ""
	}
	leaf := t.state.PeerCertificates[0]
	return fmt.Sprintf("%s, certificate issued by %s, valid until %s", tls.VersionName(t.state.Version), issuerOf(leaf), FormatTime(leaf.NotAfter))
}

// IsPrivate reports whether an address is private, as those of private endpoints are.
func IsPrivate(address netip.Addr) bool {
	return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast()
}

// next is the step in which an error occurred.
func (t *stepRecorder) next(err error) string {
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
