package azure

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// clientOptions is what all clients of the SDK share. Retries live here and
// nowhere else, but for the bodies of answers (see stream).
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

// IdleTimeout is the longest time for which a request may be in work without
// sending or receiving a byte of a body: before the first one, or between two. It
// leaves out a body that breaks again before it has moved.
func IdleTimeout(l transport.Limits) time.Duration {
	const tries = transport.MaxRetries + 1
	const again = 1 // on a fresh connection, see package transport
	return signin.Limit + (tries+again)*(l.Connect+l.FirstByte) + transport.MaxRetries*transport.MaxRetryDelay + 2*l.Stall
}
