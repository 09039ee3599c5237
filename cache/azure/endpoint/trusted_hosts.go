package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// TrustedHostsVariable names the hosts outside Azure that may receive tokens. It must be
// an environment variable: a pull request can change nx.json, and so the endpoint.
const TrustedHostsVariable = "NX_AZURE_CACHE_TRUSTED_HOSTS"

// TrustedHosts are hosts outside Azure that may receive tokens, as HOST:PORT in lower
// case. Hosts of Azure and of this machine need not be listed.
type TrustedHosts []string

// ParseTrustedHosts reads a comma-separated list. An entry is the name or address of a
// host (IPv6 in brackets), with a port unless it is 443. There are no patterns. The error
// names the broken rule, without the list.
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

// HostTrust is why a host may receive tokens.
type HostTrust string

// The reasons.
const (
	AzureHost    HostTrust = "of Azure Storage"
	LoopbackHost HostTrust = "on this machine"
	NamedHost    HostTrust = "trusted by " + TrustedHostsVariable
)

// Trust returns why a token may be sent to an endpoint. If it must not, the error says
// how to allow it. A token is valid for every storage account of its owner, and the
// server that receives it can use it as well.
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
	return "", diagnostic.With(diagnostic.HostNotTrusted, fmt.Errorf("the endpoint's host %s does not belong to Azure Storage, and signing in would send it a token for all your storage accounts, so "+
		"nothing was sent: correct the endpoint, or set the environment variable %s=%s if you trust this host", name, TrustedHostsVariable, name))
}
