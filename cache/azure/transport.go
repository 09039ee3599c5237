package azure

import (
	"net"
	"net/http"
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
)

// NewTransport returns the connections of a process: one pool, kept alive,
// within limits. It honours HTTPS_PROXY and NO_PROXY.
func NewTransport(limits Limits) *http.Client {
	dialer := &net.Dialer{Timeout: limits.Connect, KeepAlive: 30 * time.Second, Control: limitNotSent}
	return &http.Client{Transport: limited{limits, &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: limits.Connect,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // archives are compressed
	}}}
}

// clientOptions is what all clients of the SDK share. Retries live here and
// nowhere else.
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
