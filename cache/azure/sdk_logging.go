package azure

import (
	"io"
	"log"
	"os"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
)

// sdkLogging makes the SDK print requests and responses to stderr. Error bodies may
// repeat a SAS, which the SDK does not redact there.
const sdkLogging = "AZURE_SDK_GO_LOGGING"

// SilenceLibraries keeps the output of libraries out of this process. The SDK reads its
// variable before main begins, so its listener is removed; the variable is unset for
// child processes. Package net/http prints unsolicited responses to the standard logger
// and, with GODEBUG=http2debug=1, all headers.
func SilenceLibraries() {
	azlog.SetListener(nil)
	_ = os.Unsetenv(sdkLogging) // it fails for invalid names only
	log.SetOutput(io.Discard)
}
