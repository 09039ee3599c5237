package endpoint

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// ParseProxy reads the URL of a proxy; the default scheme is http. The error contains no
// part of the string.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if !strings.Contains(text, "://") {
		u, err = url.Parse("http://" + text)
	}
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("not the URL of a proxy")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// If a password contains one of / ? #, the host ends there: user:12#34@proxy.
		return nil, errors.New("a proxy URL with more than a host and a port")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return nil, errors.New("a proxy URL with an unsupported scheme (use http, https, socks5 or socks5h)")
	}
	return u, nil
}
