// Package explain turns an error of a request to Azure into one line: what happened, the
// likely cause, and the fix. Every error enters through [Container.Error]; refusal.go is
// where a 403 becomes a line.
//
// It knows the service's error codes, roles, SAS, tokens, network rules and clocks. It
// must not send requests, nor know what a blob means to the cache.
package explain

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// Container is what the lines say about the container of a request.
type Container struct {
	Name string
	// Use is what the program does with the container.
	Use permissions.Use
	// Variable is the one that holds the connection string.
	Variable string
	URL      string // without a query
	Scrub    endpoint.Scrubber
	// Transport sends the requests; nil for a transport of a test.
	Transport *transport.Transport
	// Principal is who sends the requests, as their token says, or "".
	Principal func() string
	// AnonymousReason is why requests are anonymous; nil if they are not.
	AnonymousReason func() *signin.Error
}

// proxy is the proxy that requests go through, or the zero value.
func (c *Container) proxy() transport.Proxy {
	u, err := url.Parse(c.URL)
	if c.Transport == nil || err != nil {
		return transport.Proxy{}
	}
	return c.Transport.Environment().ProxyFor(u)
}

func (c *Container) host() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c.URL
	}
	return u.Hostname()
}

// Address is the host and port.
func (c *Container) Address() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c.URL
	}
	return endpoint.AddressOf(u)
}

// dnsZones may stand between the account name and "blob"
// (learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints).
var dnsZones = regexp.MustCompile(`^(privatelink\.)?(z\d+\.)?`)

// account is the name of the account if the URL has it, or else a placeholder for
// commands.
func (c *Container) account() string {
	const unknown = "ACCOUNT"
	u, err := url.Parse(c.URL)
	if err != nil {
		return unknown
	}
	name, zone, _ := strings.Cut(u.Hostname(), ".")
	zone = dnsZones.ReplaceAllString(zone, "")
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case strings.HasPrefix(zone, "blob."):
		name = strings.TrimSuffix(name, "-secondary")
	case len(path) == 2: // http://127.0.0.1:10000/ACCOUNT/CONTAINER
		name = path[0]
	default:
		return unknown
	}
	if endpoint.CheckAccountName(name) != nil { // the endpoint may be that of any server
		return unknown
	}
	return name
}

// containerNotFound explains how to fix a missing container.
func (c *Container) containerNotFound() string {
	return fmt.Sprintf("container %q does not exist (%s): create it with `az storage container create --account-name %s --name %s --auth-mode login`, "+
		"or correct azure.container in nx.json", c.Name, c.URL, shellWord(c.account()), shellWord(c.Name))
}
