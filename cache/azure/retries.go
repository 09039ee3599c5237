package azure

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// clientOptions configures all clients of the SDK. This is the only layer that retries,
// except for a request on a dead connection (package transport), a body that breaks
// (package download) and a list page that ends early (list.go).
func clientOptions(sender policy.Transporter) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: sender,
		Telemetry: policy.TelemetryOptions{ApplicationID: "nx-azure-cache"},
		Retry: policy.RetryOptions{
			MaxRetries:    transport.MaxRetries,
			RetryDelay:    200 * time.Millisecond,
			MaxRetryDelay: transport.MaxRetryDelay,
		},
	}
}

// IdleTimeout is the longest time that a request may take without moving a byte of a
// body: before the first byte, or between two. It does not cover a body that breaks again
// before it has moved.
func IdleTimeout(l transport.Limits) time.Duration {
	const tries = transport.MaxRetries + 1
	const again = 1 // on a new connection, see package transport
	return signin.Limit + (tries+again)*(l.Connect+l.FirstByte) + transport.MaxRetries*transport.MaxRetryDelay + 2*l.Stall
}
