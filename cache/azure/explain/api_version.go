package explain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// versionHeader is the header in which a request says for which version of the
// service's API it was made.
const versionHeader = "x-ms-version"

// aboutVersion finds in a body that the version is what was refused: the words of
// Azurite, or the header that Azure and Azure Stack name.
var aboutVersion = regexp.MustCompile(`(?i)\bAPI version\b|<HeaderName>\s*x-ms-version\s*</HeaderName>`)

// isUnknownVersion reports whether a service does not know the version of the API. It
// takes no request then, until somebody changes the service.
func isUnknownVersion(response *azcore.ResponseError) bool {
	if codeOf(response) != bloberror.InvalidHeaderValue || response.RawResponse == nil {
		return false
	}
	body, err := runtime.Payload(response.RawResponse)
	return err == nil && aboutVersion.Match(body)
}

// unknownVersion says what fixes that.
func (c *Container) unknownVersion(response *azcore.ResponseError) string {
	version := "?"
	if request := response.RawResponse.Request; request != nil {
		for name, values := range request.Header { // the SDK spells it in lower case
			if strings.EqualFold(name, versionHeader) && len(values) == 1 {
				version = values[0]
			}
		}
	}
	return fmt.Sprintf("the service at %s does not support the API version %s (%s): start Azurite with --skipApiVersionCheck, or update the service (Azurite, Azure Stack, a proxy)",
		c.URL, version, status(response))
}
