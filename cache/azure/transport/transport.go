// Package transport connects to servers: it dials, applies proxies, certificate
// authorities and time limits, and retries a request once if a kept connection has died
// unseen. Every network error leaves it as one line that names the cause and the fix.
//
// It serves the storage and the sign-in alike, and knows neither: no Azure SDK, no blobs,
// no credentials.
package transport

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

const (
	// maxIdle is how many connections are kept for later: as many as there are
	// requests at once, which are those of package cache and the parts of Ranges.
	maxIdle = 128
	// idleTime is how long a connection is kept that is not used. NATs and firewalls
	// forget those that are silent, some after half a minute, and say nothing.
	idleTime = 25 * time.Second
	// handshakes is how many times the limit for a connection a proxy may take for
	// its TLS when nobody waits any more: who does keeps the limit itself.
	handshakes = 4
)

// Transport is the connections of a process: one pool, kept alive.
type Transport struct {
	*http.Client
	limits      Limits
	environment Environment
	dialer      *dialer
	pool        *lazyPool
}

// New returns connections within limits, on the way that an environment
// says. Whom that trusts is read when the first is opened.
func New(limits Limits, environment Environment) *Transport {
	return newTransport(limits, environment, sync.OnceValue(func() *tls.Config {
		// Further connections need a round trip less.
		return &tls.Config{RootCAs: environment.Roots(), ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	}))
}

// newTransport has no limit for how many connections there are at once: a body
// that waits for its reader has one, and who has to wait for that could wait for
// ever. Nor are the buffers larger than net/http's: what is read at once is larger
// anyway and goes around them.
func newTransport(limits Limits, environment Environment, config func() *tls.Config) *Transport {
	d := newDialer(limits.Connect, config)
	proxy := environment.proxyFunc()
	pool := &lazyPool{sync.OnceValue(func() *http.Transport {
		return &http.Transport{
			Proxy:               func(r *http.Request) (*url.URL, error) { return proxy(r.URL), nil },
			DialContext:         d.dial,
			DialTLSContext:      d.dialTLS, // to a proxy, where it is one with TLS
			TLSClientConfig:     config(),
			TLSHandshakeTimeout: handshakes * limits.Connect,
			MaxIdleConns:        2 * maxIdle,
			MaxIdleConnsPerHost: maxIdle,
			IdleConnTimeout:     idleTime,
			DisableCompression:  true, // archives are compressed

			OnProxyConnectResponse: checkConnectResponse,
		}
	})}
	client := &http.Client{Transport: explainingTransport{environment, limitingTransport{limits, pool, d}}, CheckRedirect: followNone}
	return &Transport{client, limits, environment, d, pool}
}

// followNone is the CheckRedirect of a client: neither the storage nor a sign-in ever
// redirects, and a server that does would get a token, or a SAS in Referer. [explainingTransport]
// makes an error of each first; this holds even if a response gets past it.
func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// CloseIdleConnections is [http.Transport.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() { t.pool.open().CloseIdleConnections() }

// Environment is the way that it takes.
func (t *Transport) Environment() Environment { return t.environment }

// Peer is where the last connection to an address led to; zero where there was none, as
// behind a proxy.
func (t *Transport) Peer(address string) netip.Addr { return t.dialer.peer(address) }

// lazyPool is a pool of connections that is made with the first.
type lazyPool struct{ open func() *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (l *lazyPool) RoundTrip(request *http.Request) (*http.Response, error) {
	return l.open().RoundTrip(request)
}

// Warm opens a connection for the first request to a URL, and sends nothing on it.
// It does not where that goes through a proxy: the connection to the service
// begins with a request to the proxy, and one that waits for such a request is
// soon answered with 408 (HAProxy's timeout http-request).
func (t *Transport) Warm(ctx context.Context, to string) {
	u, err := url.Parse(to)
	if err != nil {
		return
	}
	if t.environment.proxyURL(u) == nil {
		t.dialer.openSpare(ctx, target{u.Scheme == "https", "tcp", endpoint.AddressOf(u)})
	}
}
