package endpoint

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// SASURL is the parsed SAS URL of a container or an account.
type SASURL struct {
	Endpoint  string // of the account's blob service, without a slash at its end
	Container string // "" for an account SAS
	Token     Secret // the query
}

// ParseSASURL reads a URL such as
// https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…, as the portal prints it,
// possibly after the name of its variable. The error contains no part of it.
func ParseSASURL(secret Secret, names ...string) (SASURL, error) {
	const want = "a SAS URL looks like https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&sig=…"
	u, err := url.Parse(unwrap.Value(secret.Reveal(), names...))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return SASURL{}, errors.New("it is not a URL; " + want)
	}
	e, ok := Parse(u.Scheme + "://" + u.Host)
	switch {
	case !ok:
		return SASURL{}, errors.New("it is not a URL; " + want)
	case !e.IsSafe():
		return SASURL{}, errors.New("it is not https, and a SAS must not be sent in clear text; " + want)
	}
	if !u.Query().Has("sig") {
		return SASURL{}, errors.New("it has no signature (sig); " + want)
	}
	endpoint, path := u.Scheme+"://"+u.Host, strings.TrimPrefix(u.Path, "/")
	if net.ParseIP(u.Hostname()) != nil { // of an emulator: the path begins with the account
		var account string
		if account, path, _ = strings.Cut(path, "/"); account != "" {
			endpoint += "/" + account
		}
	}
	container, blob, _ := strings.Cut(path, "/")
	if blob != "" {
		return SASURL{}, errors.New("it is the URL of a blob; " + want)
	}
	if _, ok := Parse(endpoint); !ok || container != "" && CheckContainer(container) != nil {
		return SASURL{}, errors.New("it is not the URL of a container; " + want)
	}
	return SASURL{Endpoint: endpoint, Container: container, Token: Secret(u.RawQuery)}, nil
}
