package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// TrustedHostsVariable names the hosts outside Azure that may get tokens. It has to be
// a variable of the process: an nx.json, and so an endpoint, is the word of a pull
// request.
const TrustedHostsVariable = "NX_AZURE_CACHE_TRUSTED_HOSTS"

// TrustedHosts are hosts outside Azure that may get the token of a sign-in, each as
// HOST:PORT in lower case. Hosts of Azure and of this machine need not be among them.
type TrustedHosts []string

// ParseTrustedHosts reads a list with commas between its entries. An entry is the name
// or the address of a host (IPv6 in brackets), with a port unless that is 443. There
// are no patterns. The error says what breaks the rule, without the list.
func ParseTrustedHosts(text string) (TrustedHosts, error) {
	var hosts TrustedHosts
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		e, ok := Parse("https://" + entry)
		if !ok || e.Path != "" || strings.HasSuffix(entry, "/") {
			return nil, errors.New("it must be a comma-separated list of hosts, such as cache.example.com,10.0.0.4:8443, without patterns")
		}
		hosts = append(hosts, e.Address())
	}
	return hosts, nil
}

// HostTrust is why a host may get the token of a sign-in.
type HostTrust string

// The reasons.
const (
	AzureHost    HostTrust = "of Azure Storage"
	LoopbackHost HostTrust = "on this machine"
	NamedHost    HostTrust = "trusted by " + TrustedHostsVariable
)

// Trust returns why the token of a sign-in may be sent to an endpoint. The error says
// that it may not, and what allows it. A token opens every storage account that its
// owner may use, and the server that gets the token can use it as well.
func (t TrustedHosts) Trust(e URL) (HostTrust, error) {
	switch {
	case signin.IsStorageHost(e.Host):
		return AzureHost, nil
	case e.IsLoopback():
		return LoopbackHost, nil
	case slices.Contains(t, e.Address()):
		return NamedHost, nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(e.Origin(), "https://"), ":443")
	return "", fmt.Errorf("the endpoint's host %s does not belong to Azure Storage, and signing in would send it a token for all your storage accounts, so "+
		"nothing was sent: correct the endpoint, or set the environment variable %s=%s if you trust this host", name, TrustedHostsVariable, name)
}
