package endpoint

import (
	"cmp"
	"net"
	"net/url"
)

// AddressOf is the host and port of a URL.
func AddressOf(u *url.URL) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), DefaultPort(u.Scheme)))
}

// DefaultPort is the default port of a scheme, for services and proxies.
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
