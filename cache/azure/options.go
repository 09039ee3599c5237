package azure

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// Options say where a container is and how to sign in. The container's name
// is required, and one of ConnectionString, SASURL, AccountName and Endpoint. The
// first of them that is set counts.
type Options struct {
	Container string

	// ConnectionString, when set, decides account, endpoint and credential.
	ConnectionString Secret

	// SASURL, when set, decides account and credential, see [ParseSASURL].
	SASURL Secret

	AccountName string
	// Endpoint is the whole blob endpoint, such as
	// https://ACCOUNT.blob.core.usgovcloudapi.net; without it, the one of
	// AccountName in Cloud.
	Endpoint string
	// Cloud is a name of [signin.CloudNames]; "" stands for that of Endpoint.
	Cloud string
	// SignIn is a name of [signin.Names]; "" stands for the first source that works.
	SignIn string
	// Credential, when set, takes the place of SignIn.
	Credential azcore.TokenCredential

	// Limits of the requests; zero stands for [DefaultLimits].
	Limits Limits
	// Ranges of the downloads; zero stands for [DefaultRanges].
	Ranges Ranges
	// Environment is the way to the servers, and Transport who sends the requests;
	// nil stands for that of [NewTransport].
	Environment Environment
	Transport   policy.Transporter

	tokens *signin.Tokens // of another container of the account
}

// account returns the blob endpoint, without a slash at its end, and the cloud
// that it is in.
func (o Options) account() (endpoint string, in signin.Cloud, err error) {
	endpoint = strings.TrimRight(o.Endpoint, "/")
	if in, err = signin.ParseCloud(o.Cloud); err != nil {
		return "", in, fmt.Errorf("cloud: %w", err)
	}
	switch {
	case endpoint == "":
		if err := CheckAccountName(o.AccountName); err != nil {
			return "", in, fmt.Errorf("accountName: %w", err)
		}
		return in.Endpoint(o.AccountName), in, nil
	case o.Cloud == "":
		in = signin.CloudOf(endpoint)
	}
	if err := CheckEndpoint(endpoint); err != nil {
		return "", in, fmt.Errorf("endpoint: %w", err)
	}
	return endpoint, in, nil
}

// tokensFor returns who signs in.
func (o Options) tokensFor(in signin.Cloud, client azcore.ClientOptions) (*signin.Tokens, error) {
	switch {
	case o.tokens != nil:
		return o.tokens, nil
	case o.Credential != nil:
		return signin.Of("credential", o.Credential), nil
	default:
		return signin.New(signin.Options{Source: o.SignIn, Cloud: in, Client: client})
	}
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
