package endpoint

import (
	"cmp"
	"net"
	"net/url"
)

// AddressOf is the host and port that a URL leads to.
func AddressOf(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), DefaultPort(u.Scheme)))
}

// DefaultPort is the usual port of a scheme, of services and proxies.
func DefaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	default:
		return ""
	}
}
