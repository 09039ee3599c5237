package azure

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// maxRetries is how often a request is repeated after its first try, on 408,
	// 429, 5xx and broken connections. What has used up a time limit is not.
	maxRetries = 2
	// maxRetryDelay is also the longest Retry-After that is obeyed: a server that
	// asks for more has refused.
	maxRetryDelay = 3 * time.Second
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
	pool        *lazy
}

// NewTransport returns connections within limits, on the way that an environment
// says. Whom that trusts is read when the first is opened.
func NewTransport(limits Limits, environment Environment) *Transport {
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
	pool := &lazy{sync.OnceValue(func() *http.Transport {
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

			OnProxyConnectResponse: refusedByProxy,
		}
	})}
	client := &http.Client{Transport: explained{environment, limited{limits, pool, d}}, CheckRedirect: followNone}
	return &Transport{client, limits, environment, d, pool}
}

// followNone is the CheckRedirect of a client: neither the storage nor a sign-in ever
// redirects, and a server that does would get a token, or a SAS in Referer. [explained]
// makes an error of each first; this holds even if a response gets past it.
func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// fresh returns connections of its own, on the same way.
func (t *Transport) fresh() *Transport {
	return newTransport(t.limits, t.environment, t.dialer.config)
}

// CloseIdleConnections is [http.Transport.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() { t.pool.open().CloseIdleConnections() }

// lazy is a pool of connections that is made with the first.
type lazy struct{ open func() *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (l *lazy) RoundTrip(request *http.Request) (*http.Response, error) {
	return l.open().RoundTrip(request)
}

// warm opens a connection for the first request to a URL, and sends nothing on it.
// It does not where that goes through a proxy: the connection to the service
// begins with a request to the proxy, and one that waits for such a request is
// soon answered with 408 (HAProxy's timeout http-request).
func (t *Transport) warm(ctx context.Context, to string) {
	u, err := url.Parse(to)
	if err != nil {
		return
	}
	if t.environment.proxyURL(u) == nil {
		t.dialer.openSpare(ctx, target{u.Scheme == "https", "tcp", addressOf(u)})
	}
}

// addressOf is the host and port that a URL leads to.
func addressOf(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), ports[u.Scheme]))
}

// ports are the usual ones of services and proxies.
var ports = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// clientOptions is what all clients of the SDK share. Retries live here and
// nowhere else, but for the bodies of answers (see stream).
func clientOptions(transport policy.Transporter) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: transport,
		Telemetry: policy.TelemetryOptions{ApplicationID: "nx-azure-cache"},
		Retry: policy.RetryOptions{
			MaxRetries:    maxRetries,
			RetryDelay:    200 * time.Millisecond,
			MaxRetryDelay: maxRetryDelay,
		},
	}
}
