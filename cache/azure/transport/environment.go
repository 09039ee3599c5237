package transport

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Environment is what the variables of a process say about the way to servers: proxies
// and certificate authorities. Its zero value means no proxies and the system's
// authorities.
type Environment struct {
	// CAs are added to the system's certificate authorities.
	CAs []CAFile

	// emulator is the proxy for all servers, even on this machine. It takes precedence.
	emulator proxySetting
	proxies  map[string]proxySetting // by the scheme of the request
	noProxy  string
}

// proxySetting is a proxy from a variable.
type proxySetting struct {
	variable string
	// url may contain a password. It is a function so that no format verb prints it: verbs
	// print even an [endpoint.Secret] if its field is not exported.
	url func() string
}

// reveal is the URL with its password; "" means no proxy.
func (p proxySetting) reveal() string {
	if p.url == nil {
		return ""
	}
	return p.url()
}

// Proxy is a proxy without its credentials.
type Proxy struct {
	Address  string // such as http://proxy.example:3128; "" means no proxy
	Variable string // with its URL
}

// String is such as "the proxy http://proxy.example:3128 (HTTPS_PROXY)".
func (p Proxy) String() string { return fmt.Sprintf("the proxy %s (%s)", p.Address, p.Variable) }

// ReadEnvironment reads the usual variables. The warnings, one line each, are about what
// it ignores.
func ReadEnvironment(getenv func(string) string) (Environment, []diagnostic.Message) {
	var e Environment
	warnings := e.readProxies(getenv)
	return e, append(warnings, e.readCAs(getenv)...)
}

// firstSet returns the first of these variables that is not blank, and its value.
func firstSet(getenv func(string) string, names ...string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(getenv(name)); value != "" {
			return name, value
		}
	}
	return "", ""
}

// readProxies reads the variables in net/http's order. Not [http.ProxyFromEnvironment],
// which silently ignores a proxy with an invalid URL.
func (e *Environment) readProxies(getenv func(string) string) (warnings []diagnostic.Message) {
	for _, scheme := range []string{"https", "http"} {
		lower := scheme + "_proxy"
		name, value := firstSet(getenv, strings.ToUpper(lower), lower)
		if name == "" {
			continue
		}
		proxy, err := endpoint.ParseProxy(value)
		if err != nil {
			warnings = append(warnings, diagnostic.Messagef(diagnostic.ProxyFailed, "%s is %v, so no proxy is used: write it as http://HOST:PORT or "+
				"http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded", name, err))
			continue
		}
		if e.proxies == nil {
			e.proxies = make(map[string]proxySetting)
			_, e.noProxy = firstSet(getenv, "NO_PROXY", "no_proxy")
		}
		e.proxies[scheme] = proxySetting{name, proxy.String}
	}
	return warnings
}

// proxyFunc returns a function that finds the proxy for a URL, with its credentials, or
// nil. Link-local addresses bypass the proxy: behind it, the metadata service of Azure's
// machines (169.254.169.254) is another one, or none.
func (e Environment) proxyFunc() func(to *url.URL) *url.URL {
	find := (&httpproxy.Config{
		HTTPSProxy: e.proxies["https"].reveal(), HTTPProxy: e.proxies["http"].reveal(), NoProxy: e.noProxy,
	}).ProxyFunc()
	emulator, _ := url.Parse(e.emulator.reveal())
	return func(to *url.URL) *url.URL {
		if e.emulator.url != nil {
			return emulator
		}
		if net.ParseIP(to.Hostname()).IsLinkLocalUnicast() {
			return nil
		}
		proxy, _ := find(to) // fails for CGI programs only
		return proxy
	}
}

// proxyURL is the proxy for a URL, with its credentials, or nil.
func (e Environment) proxyURL(to *url.URL) *url.URL { return e.proxyFunc()(to) }

// ProxyFor is the proxy for a URL, or the zero value.
func (e Environment) ProxyFor(to *url.URL) Proxy {
	proxy := e.proxyURL(to)
	if proxy == nil {
		return Proxy{}
	}
	variable := cmp.Or(e.emulator.variable, e.proxies[to.Scheme].variable)
	return Proxy{Address: proxy.Scheme + "://" + proxy.Host, Variable: variable}
}

// WithEmulatorProxy adds the proxy from a connection string in a variable. It leads to
// the emulator, which may run on this machine or behind the proxy.
func (e Environment) WithEmulatorProxy(proxy endpoint.Secret, variable string) Environment {
	if u, err := endpoint.ParseProxy(proxy.Reveal()); err == nil && proxy != "" {
		e.emulator = proxySetting{variable, u.String}
	}
	return e
}
