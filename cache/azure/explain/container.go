// Package explain turns an error of a request to Azure into one line that says what has
// happened, the likely cause, and what fixes it. [Container.Error] is where each error
// comes in, and refusal.go where a 403 becomes a line.
//
// It knows the codes of the service, roles, SAS, tokens, network rules and clocks. It
// sends nothing.
package explain

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// Container is what the lines name of the container that requests go to.
type Container struct {
	Name string
	// Variable is the one that holds the connection string.
	Variable string
	URL      string // without a query
	Scrub    endpoint.Scrubber
	// Transport sends the requests; nil where it is another one, of a test.
	Transport *transport.Transport
	// Principal is who sends the requests, as far as his token tells, or "".
	Principal func() string
	// AnonymousReason is why requests are those of nobody, while they are.
	AnonymousReason func() *signin.Error
}

// proxy is the one that requests go through, or the zero value.
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

// Address is the host and the port.
func (c *Container) Address() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return c.URL
	}
	return endpoint.AddressOf(u)
}

// dnsZones are what may stand between an account's name and "blob"
// (learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints).
var dnsZones = regexp.MustCompile(`^(privatelink\.)?(z\d+\.)?`)

// account is the name of the account, as far as the URL tells; else what a
// command has in its place.
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
	if endpoint.CheckAccountName(name) != nil { // the endpoint may be of any server
		return unknown
	}
	return name
}

// containerNotFound says what mends that the container does not exist.
func (c *Container) containerNotFound() string {
	return fmt.Sprintf("container %q does not exist (%s): create it with `az storage container create --account-name %s --name %s --auth-mode login`, "+
		"or correct azure.container in nx.json", c.Name, c.URL, shellWord(c.account()), shellWord(c.Name))
}
