package explain

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// blockedByNetwork is mostly about the network rules of the account; the code has other
// causes, too.
func (r refusal) blockedByNetwork() diagnostic.Message {
	others := ""
	switch r.by {
	case bySAS:
		if problem := r.sasOutsideValidity(); problem != "" {
			return diagnostic.Message{Code: diagnostic.SASInvalid, Text: problem}
		}
		others = "; or the SAS is for another container, or was signed with a disabled key"
	case byKey:
		others = "; or the account's keys are disabled"
	}
	comes := "this machine's public address"
	if proxy := r.proxy(); proxy.Address != "" {
		comes = "the public address of " + proxy.String()
		others = fmt.Sprintf("; or the account has a private endpoint: add %s to NO_PROXY", r.host()) + others
	}
	return diagnostic.Messagef(diagnostic.NetworkRules, "the network rules of the account %s block this machine: use the VPN, a private endpoint or a runner inside the network, or run "+
		"`az storage account network-rule add --account-name %s --ip-address ADDRESS` with %s%s%s",
		r.account(), shellWord(r.account()), comes, r.publicAddress(), others)
}

// publicAddress hints that requests go to the public address of the account, which is
// wrong if the account has a private endpoint.
func (r refusal) publicAddress() string {
	u, err := url.Parse(r.URL)
	if r.Transport == nil || err != nil {
		return ""
	}
	return publicHint(u.Hostname(), r.Transport.Peer(endpoint.AddressOf(u)))
}

// publicHint is the fix if a host with a private endpoint resolves to a public address;
// "" if the address is private or unknown.
func publicHint(host string, at netip.Addr) string {
	_, zone, _ := strings.Cut(strings.Replace(host, ".privatelink.", ".", 1), ".")
	if !at.IsValid() || transport.IsPrivate(at) || !strings.HasPrefix(zone, "blob.") {
		return ""
	}
	return fmt.Sprintf("; this machine's DNS resolves %s to the public address %s: if the account has a private endpoint, link the private DNS zone privatelink.%s to this machine's network",
		host, at, zone)
}
