package azure

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// endpoint is the URL of a blob service in parts. An endpoint comes from nx.json or
// from a variable, and it stands in errors and in commands that people paste. So it
// has a small grammar of its own: what [url.Parse] takes is far more.
type endpoint struct {
	scheme string // http or https
	host   string // a name or an address in lower case; IPv6 without brackets
	port   string // "": the default of the scheme
	path   string // such as /devstoreaccount1, or ""
}

const (
	label   = `[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?`
	segment = `/[A-Za-z0-9._-]+`
	// maxEndpoint, in bytes, is more than any has. Lines of ours name it.
	maxEndpoint = 400
)

var (
	endpoints = regexp.MustCompile(`^((?i)https?)://(?:(` + label + `(?:\.` + label + `)*)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?((?:` + segment + `)*)/?$`)
	// numericEnds are last labels by which some resolvers take a name for an address:
	// 127.1, 2130706433 and 0x7f000001 all are 127.0.0.1 to them.
	numericEnds = regexp.MustCompile(`(?i)(^|\.)([0-9]+|0x[0-9a-f]*)$`)
	onlyDots    = regexp.MustCompile(`/\.+(/|$)`)
)

// parseEndpoint returns false for a string that is not an endpoint.
func parseEndpoint(text string) (endpoint, bool) {
	parts := endpoints.FindStringSubmatch(text)
	if parts == nil || len(text) > maxEndpoint || onlyDots.MatchString(parts[5]) {
		return endpoint{}, false
	}
	e := endpoint{scheme: strings.ToLower(parts[1]), host: strings.ToLower(cmp.Or(parts[2], parts[3])), port: parts[4], path: parts[5]}
	return e, isHost(e.host, parts[3] != "") && (e.port == "" || isPort(e.port))
}

// isHost reports whether a string in the grammar of [endpoints] is a host. A string
// that looks like an address must be one.
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

// isLoopback reports whether requests stay on this machine.
func (e endpoint) isLoopback() bool {
	return e.host == "localhost" || net.ParseIP(e.host).IsLoopback()
}

// isSafe reports whether a secret may be sent: with TLS, or on this machine.
func (e endpoint) isSafe() bool { return e.scheme == "https" || e.isLoopback() }

// address is the host and the port.
func (e endpoint) address() string { return net.JoinHostPort(e.host, cmp.Or(e.port, ports[e.scheme])) }

// String is the URL without a slash at its end.
func (e endpoint) String() string { return e.origin() + e.path }

// origin is the URL without the path, as [url.URL] has its scheme and its host.
func (e endpoint) origin() string {
	host := e.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.port != "" {
		host += ":" + e.port
	}
	return e.scheme + "://" + host
}

// CheckEndpoint returns an error unless text is the URL of a blob service: https, a
// host, perhaps a port and a path of plain segments. A token is sent with every
// request, hence https.
func CheckEndpoint(text string) error {
	const want = "an endpoint looks like https://ACCOUNT.blob.core.windows.net"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("it is not a URL; " + want)
	case u.RawQuery != "" || u.ForceQuery || u.User != nil || u.Fragment != "":
		return errors.New("it has more than a host and a path; " + want + ". A SAS belongs into AZURE_STORAGE_CONNECTION_STRING")
	case u.Scheme != "https":
		return errors.New("it is not https, and a token must not go in clear text; " + want)
	}
	if _, ok := parseEndpoint(text); !ok {
		return errors.New("its host or path has characters that no endpoint has; " + want)
	}
	return nil
}

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
		e, ok := parseEndpoint("https://" + entry)
		if !ok || e.path != "" || strings.HasSuffix(entry, "/") {
			return nil, errors.New("it takes names of hosts with commas between them, such as cache.example.com,10.0.0.4:8443, without patterns")
		}
		hosts = append(hosts, e.address())
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

// trust returns why the token of a sign-in may be sent to an endpoint. The error says
// that it may not, and what allows it. A token opens every storage account that its
// owner may use, and the server that gets the token can use it as well.
func (t TrustedHosts) trust(e endpoint) (HostTrust, error) {
	switch {
	case signin.IsStorageHost(e.host):
		return AzureHost, nil
	case e.isLoopback():
		return LoopbackHost, nil
	case slices.Contains(t, e.address()):
		return NamedHost, nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(e.origin(), "https://"), ":443")
	return "", fmt.Errorf("the endpoint's host %s is not one of Azure Storage, and a sign-in would send it a token that opens all your storage accounts: "+
		"nothing is sent; correct the endpoint, or set the environment variable %s=%s if you trust this host", name, TrustedHostsVariable, name)
}
