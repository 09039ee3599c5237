package azure

import "net/netip"

// PublicHint is what a refusal says of the address that a host leads to.
func PublicHint(host string, at netip.Addr) string { return publicHint(host, at) }

// Peer is where the last connection to an address led to.
func (t *Transport) Peer(address string) netip.Addr { return t.dialer.peer(address) }
