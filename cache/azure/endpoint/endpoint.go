// Package endpoint reads the settings that say where a storage account is and which
// secret opens it: endpoint URLs, connection strings, SAS URLs, the names of accounts and
// containers, and the hosts that may receive tokens.
//
// It checks strings and sends nothing. Its errors never contain the string, because the
// string may be a misplaced secret. It must not know the Azure SDK.
package endpoint

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// URL is the URL of a blob service in parts. An endpoint comes from nx.json or a
// variable, and appears in errors and in commands that people paste. So it has a small
// grammar of its own; [url.Parse] accepts far more.
type URL struct {
	Scheme string // http or https
	Host   string // a name or an address in lower case; IPv6 without brackets
	Port   string // "" means the default of the scheme
	Path   string // such as /devstoreaccount1, or ""
}

const (
	label   = `[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?`
	segment = `/[A-Za-z0-9._-]+`
	// maxEndpoint is more than any endpoint needs, in bytes. Error lines contain it.
	maxEndpoint = 400
)

var (
	endpoints = regexp.MustCompile(`^((?i)https?)://(?:(` + label + `(?:\.` + label + `)*)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?((?:` + segment + `)*)/?$`)
	// numericEnds are last labels that make some resolvers read a name as an address: 127.1,
	// 2130706433 and 0x7f000001 all mean 127.0.0.1 to them.
	numericEnds = regexp.MustCompile(`(?i)(^|\.)([0-9]+|0x[0-9a-f]*)$`)
	onlyDots    = regexp.MustCompile(`/\.+(/|$)`)
)

// Parse returns false for a string that is not an endpoint.
func Parse(text string) (URL, bool) {
	parts := endpoints.FindStringSubmatch(text)
	if parts == nil || len(text) > maxEndpoint || onlyDots.MatchString(parts[5]) {
		return URL{}, false
	}
	e := URL{Scheme: strings.ToLower(parts[1]), Host: strings.ToLower(cmp.Or(parts[2], parts[3])), Port: parts[4], Path: parts[5]}
	return e, isHost(e.Host, parts[3] != "") && (e.Port == "" || isPort(e.Port))
}

// isHost reports whether a string in the grammar of [endpoints] is a host. A string that
// looks like an address must be a valid one.
func isHost(text string, inBrackets bool) bool {
	address, err := netip.ParseAddr(text)
	switch {
	case inBrackets:
		return err == nil && address.Is6() && address.Zone() == ""
	case numericEnds.MatchString(text):
		return err == nil && address.Is4()
	default:
		isLong := func(label string) bool { return len(label) > 63 }
		return len(text) <= 253 && !slices.ContainsFunc(strings.Split(text, "."), isLong)
	}
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// IsLoopback reports whether requests stay on this machine.
func (e URL) IsLoopback() bool {
	return e.Host == "localhost" || net.ParseIP(e.Host).IsLoopback()
}

// IsSafe reports whether secrets may be sent: with TLS, or on this machine.
func (e URL) IsSafe() bool { return e.Scheme == "https" || e.IsLoopback() }

// Address is the host and port.
func (e URL) Address() string { return net.JoinHostPort(e.Host, cmp.Or(e.Port, DefaultPort(e.Scheme))) }

// String is the URL without a slash at its end.
func (e URL) String() string { return e.Origin() + e.Path }

// Origin is scheme, host and port, spelled as in [url.URL].
func (e URL) Origin() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.Port != "" {
		host += ":" + e.Port
	}
	return e.Scheme + "://" + host
}

// Check returns an error unless text is the URL of a blob service: https, a host, an
// optional port, and a path of plain segments. It must be https because every request
// carries a token.
func Check(text string) error {
	const want = "an endpoint looks like https://ACCOUNT.blob.core.windows.net"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("it is not a URL; " + want)
	case u.RawQuery != "" || u.ForceQuery || u.User != nil || u.Fragment != "":
		return errors.New("it has more than a host and a path; " + want + ". Put a SAS in AZURE_STORAGE_CONNECTION_STRING")
	case u.Scheme != "https":
		return errors.New("it is not https, and tokens must not be sent in clear text; " + want)
	}
	if _, ok := Parse(text); !ok {
		return errors.New("its host or path has characters that an endpoint cannot have; " + want)
	}
	return nil
}
