package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
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
)

// Transport is the connections of a process: one pool, kept alive.
type Transport struct {
	*http.Client
	dialer *dialer
	proxy  func(*http.Request) (*url.URL, error)
}

// NewTransport returns connections within limits. They honour HTTPS_PROXY and
// NO_PROXY and trust roots; nil stands for those of the system.
//
// How many there are at once has no limit here: a body that waits for its reader
// has one, and who has to wait for that could wait for ever. Nor are the buffers
// larger than net/http's: what is read at once is larger anyway and goes around
// them.
func NewTransport(limits Limits, roots *x509.CertPool) *Transport {
	// Further connections need a round trip less.
	config := &tls.Config{RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	d := newDialer(limits.Connect, config)
	next := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         d.dial,
		DialTLSContext:      d.dialTLS, // but for those through a proxy
		TLSClientConfig:     config,
		TLSHandshakeTimeout: limits.Connect,
		MaxIdleConns:        2 * maxIdle,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // archives are compressed
	}
	return &Transport{&http.Client{Transport: limited{limits, next}}, d, next.Proxy}
}

// warm opens a connection for the first request to a URL, unless a proxy does
// that. It sends nothing on it.
func (t *Transport) warm(ctx context.Context, to string) {
	u, err := url.Parse(to)
	if err != nil {
		return
	}
	if proxy, err := t.proxy(&http.Request{URL: u}); proxy != nil || err != nil {
		return
	}
	secure, port := u.Scheme == "https", u.Port()
	switch {
	case port != "":
	case secure:
		port = "443"
	default:
		port = "80"
	}
	t.dialer.openSpare(ctx, target{secure, "tcp", net.JoinHostPort(u.Hostname(), port)})
}

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
