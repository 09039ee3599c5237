package azure

import (
	"net/netip"
	"net/url"
)

// PublicHint is what a refusal says of the address that a host leads to.
func PublicHint(host string, at netip.Addr) string { return publicHint(host, at) }

// Peer is where the last connection to an address led to.
func (t *Transport) Peer(address string) netip.Addr { return t.dialer.peer(address) }

// Explain is what a request to a URL fails with where err is why.
func Explain(e Environment, to *url.URL, err error) error {
	return explained{environment: e}.explain(to, err)
}

// AccountAt is how commands name the account of a container.
func AccountAt(url string) string { return (&Container{url: url}).account() }
