package explain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// versionHeader is the request header with the version of the service's API.
const versionHeader = "x-ms-version"

// aboutVersion finds out from the body whether the version was rejected: by the words of
// Azurite, or by the header that Azure and Azure Stack name.
var aboutVersion = regexp.MustCompile(`(?i)\bAPI version\b|<HeaderName>\s*x-ms-version\s*</HeaderName>`)

// isUnknownVersion reports whether the service does not support the version of the API.
// Such a service rejects every request until it is updated.
func isUnknownVersion(response *azcore.ResponseError) bool {
	if codeOf(response) != bloberror.InvalidHeaderValue || response.RawResponse == nil {
		return false
	}
	body, err := runtime.Payload(response.RawResponse)
	return err == nil && aboutVersion.Match(body)
}

// unknownVersion explains how to fix that.
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
