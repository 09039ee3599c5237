package azure

import (
	"io"
	"log"
	"os"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
)

// sdkLogging makes the SDK print requests and responses to stderr. Bodies of errors may
// repeat a SAS, which nothing there redacts.
const sdkLogging = "AZURE_SDK_GO_LOGGING"

// SilenceLibraries keeps what libraries print out of the output of this process. The SDK has read
// its variable before main begins, so that its listener is taken away; the variable is
// unset for the programs that this one starts. Package net/http prints to the standard
// logger what servers send unasked, and with GODEBUG=http2debug=1 all headers.
func SilenceLibraries() {
	azlog.SetListener(nil)
	_ = os.Unsetenv(sdkLogging) // it fails for names that no variable has
	log.SetOutput(io.Discard)
}
