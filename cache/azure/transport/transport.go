// Package transport connects to servers. It dials, applies proxies, certificate
// authorities and time limits, and resends a request once if an idle connection has died
// unseen. It turns every network error into one line with the likely cause and the fix.
//
// It serves the storage and the sign-in alike and must know neither: no Azure SDK, no
// blobs, no credentials.
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
	// maxIdle is how many idle connections are kept: as many as there can be requests at
	// once, by package cache and by the ranges of package download.
	maxIdle = 128
	// idleTime is how long an idle connection is kept. NATs and firewalls silently drop idle
	// connections, some after half a minute.
	idleTime = 25 * time.Second
	// handshakes times the connect limit is how long a proxy's TLS handshake may take after
	// the request was cancelled. Until then the connect limit itself applies.
	handshakes = 4
)

// Transport is the pool of connections of a process.
type Transport struct {
	*http.Client
	limits      Limits
	environment Environment
	dialer      *dialer
	pool        *lazyPool
}

// New returns a transport with these time limits and this environment. It loads
// certificate authorities when it opens its first connection.
func New(limits Limits, environment Environment) *Transport {
	return newTransport(limits, environment, sync.OnceValue(func() *tls.Config {
		// Saves a round trip on further connections.
		return &tls.Config{RootCAs: environment.Roots(), ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	}))
}

// newTransport does not limit the number of connections. A body that waits for its reader
// occupies a connection, so waiting for one could deadlock. It does not enlarge
// net/http's buffers either: reads are larger than they are and bypass them.
func newTransport(limits Limits, environment Environment, config func() *tls.Config) *Transport {
	d := newDialer(limits.Connect, config)
	proxy := environment.proxyFunc()
	pool := &lazyPool{sync.OnceValue(func() *http.Transport {
		return &http.Transport{
			Proxy:               func(r *http.Request) (*url.URL, error) { return proxy(r.URL), nil },
			DialContext:         d.dial,
			DialTLSContext:      d.dialTLS, // to a proxy with TLS
			TLSClientConfig:     config(),
			TLSHandshakeTimeout: handshakes * limits.Connect,
			MaxIdleConns:        2 * maxIdle,
			MaxIdleConnsPerHost: maxIdle,
			IdleConnTimeout:     idleTime,
			DisableCompression:  true, // archives are compressed already

			OnProxyConnectResponse: checkConnectResponse,
		}
	})}
	client := &http.Client{Transport: explainingTransport{environment, limitingTransport{limits, pool, d}}, CheckRedirect: followNone}
	return &Transport{client, limits, environment, d, pool}
}

// followNone is the CheckRedirect of a client. Neither the storage nor a sign-in
// redirects, and a server that does would receive a token, or a SAS in Referer.
// [explainingTransport] turns redirects into errors first; this is the second line of
// defense.
func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// CloseIdleConnections is [http.Transport.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() { t.pool.open().CloseIdleConnections() }

// Environment is the environment of [New].
func (t *Transport) Environment() Environment { return t.environment }

// Peer is the remote address of the last connection to an address; zero if there was
// none, as behind a proxy.
func (t *Transport) Peer(address string) netip.Addr { return t.dialer.peer(address) }

// lazyPool is a pool of connections that is made on first use.
type lazyPool struct{ open func() *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (l *lazyPool) RoundTrip(request *http.Request) (*http.Response, error) {
	return l.open().RoundTrip(request)
}

// Warm opens a connection for the first request to a URL, and sends nothing on it. It
// does nothing if the URL is behind a proxy: a proxy expects a request at once, and
// otherwise responds with 408 (HAProxy's timeout http-request).
func (t *Transport) Warm(ctx context.Context, to string) {
	u, err := url.Parse(to)
	if err != nil {
		return
	}
	if t.environment.proxyURL(u) == nil {
		t.dialer.openSpare(ctx, target{u.Scheme == "https", "tcp", endpoint.AddressOf(u)})
	}
}
