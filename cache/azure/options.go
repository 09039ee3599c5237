package azure

import (
	"errors"
	"net/url"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Options say where a container is and how to sign in. The container's name
// is required, and one of ConnectionString, AccountName and Endpoint.
type Options struct {
	Container string

	// ConnectionString, when set, decides account, endpoint and credential.
	ConnectionString Secret

	AccountName string
	// Endpoint is the whole blob endpoint, such as
	// https://ACCOUNT.blob.core.usgovcloudapi.net; without it, the one of
	// AccountName in the public cloud.
	Endpoint string
	// Credential signs in where there is no ConnectionString. Nil stands for
	// [DefaultCredential].
	Credential azcore.TokenCredential

	// Limits of the requests; zero stands for [DefaultLimits].
	Limits Limits
	// Ranges of the downloads; zero stands for [DefaultRanges].
	Ranges Ranges
	// Transport sends the requests; nil stands for that of [NewTransport].
	Transport policy.Transporter
}

var (
	// learn.microsoft.com/azure/storage/common/storage-account-overview
	accountNames = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	// learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
	containerNames = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)
)

// The Check functions return the rule that a setting breaks, without the value:
// it may be a secret in the wrong place, and who shows it decides how.

// CheckAccountName returns an error unless name can be that of a storage account.
func CheckAccountName(name string) error {
	if !accountNames.MatchString(name) {
		return errors.New("an account's name has 3 to 24 lower-case letters and digits")
	}
	return nil
}

// CheckContainer returns an error unless name can be that of a container.
func CheckContainer(name string) error {
	if len(name) < 3 || len(name) > 63 || !containerNames.MatchString(name) {
		return errors.New("a container's name has 3 to 63 lower-case letters, digits and single hyphens")
	}
	return nil
}

// CheckEndpoint returns an error unless endpoint is the URL of a blob service.
// A token is sent with every request, hence https.
func CheckEndpoint(endpoint string) error {
	const want = "an endpoint looks like https://ACCOUNT.blob.core.windows.net"
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("it is not a URL; " + want)
	case u.RawQuery != "" || u.ForceQuery || u.User != nil || u.Fragment != "":
		return errors.New("it has more than a host and a path; " + want + ". A SAS belongs into AZURE_STORAGE_CONNECTION_STRING")
	case u.Scheme != "https":
		return errors.New("it is not https, and a token must not go in clear text; " + want)
	}
	return nil
}
