package azure

import (
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// maxRetries is how often a request is repeated after its first try, on 408,
// 429, 5xx and broken connections.
const maxRetries = 2

// NewTransport returns the connections of a process: one pool, kept alive. It
// honours HTTPS_PROXY and NO_PROXY.
func NewTransport() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true, // archives are compressed
	}}
}

// clientOptions is what all clients of the SDK share. Retries live here and
// nowhere else.
func clientOptions(transport policy.Transporter) azcore.ClientOptions {
	if transport == nil {
		transport = NewTransport()
	}
	return azcore.ClientOptions{
		Transport: transport,
		Telemetry: policy.TelemetryOptions{ApplicationID: "nx-azure-cache"},
		Retry: policy.RetryOptions{
			MaxRetries:    maxRetries,
			RetryDelay:    200 * time.Millisecond,
			MaxRetryDelay: 2 * time.Second,
		},
	}
}
