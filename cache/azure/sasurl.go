package azure

import (
	"errors"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// SASURL is the URL of a container or an account with a SAS, in parts.
type SASURL struct {
	Endpoint  string // of the account's blob service, without a slash at its end
	Container string // "" where the SAS is one of the account
	Token     Secret // the query
}

// ParseSASURL reads a URL such as https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…,
// as the portal prints it, perhaps behind the name of its variable. The error holds
// nothing of it.
func ParseSASURL(secret Secret, names ...string) (SASURL, error) {
	const want = "it looks like https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…"
	u, err := url.Parse(unwrap.Value(secret.Reveal(), names...))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return SASURL{}, errors.New("it is not a URL; " + want)
	}
	e, ok := parseEndpoint(u.Scheme + "://" + u.Host)
	switch {
	case !ok:
		return SASURL{}, errors.New("it is not a URL; " + want)
	case !e.isSafe():
		return SASURL{}, errors.New("it is not https, and a SAS must not go in clear text; " + want)
	}
	if !u.Query().Has("sig") {
		return SASURL{}, errors.New("it has no signature (sig); " + want)
	}
	parts, err := blob.ParseURL(u.String())
	if err != nil {
		return SASURL{}, errors.New("it is not the URL of a container; " + want)
	}
	if parts.BlobName != "" {
		return SASURL{}, errors.New("it is the URL of a blob; " + want)
	}
	endpoint := parts.Scheme + "://" + parts.Host
	if account := parts.IPEndpointStyleInfo.AccountName; account != "" {
		endpoint += "/" + account
	}
	if _, ok := parseEndpoint(endpoint); !ok || parts.ContainerName != "" && CheckContainer(parts.ContainerName) != nil {
		return SASURL{}, errors.New("it is not the URL of a container; " + want)
	}
	return SASURL{Endpoint: endpoint, Container: parts.ContainerName, Token: Secret(u.RawQuery)}, nil
}
