package transport

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// Environment is what the variables of a process say of its way to servers: the
// proxies, and whom it trusts. Its zero value has no proxies and the roots of the
// system.
type Environment struct {
	// CAs are the files with roots that are added to those of the system.
	CAs []CAFile

	// emulator is the proxy to all servers, also to those of this machine. It wins.
	emulator proxySetting
	proxies  map[string]proxySetting // by the scheme of what is asked for
	noProxy  string
}

// proxySetting is a proxy that a variable names.
type proxySetting struct {
	variable string
	// url may hold a password. It is a function, so that no format verb shows it: of
	// a field that is not exported they show a endpoint.Secret, too.
	url func() string
}

// reveal is the URL with its password, or "" where there is no proxy.
func (p proxySetting) reveal() string {
	if p.url == nil {
		return ""
	}
	return p.url()
}

// Proxy is a proxy as people may see it.
type Proxy struct {
	Address  string // such as http://proxy.example:3128, without credentials; "": none
	Variable string // that names it
}

// String is such as "the proxy http://proxy.example:3128 (HTTPS_PROXY)".
func (p Proxy) String() string { return fmt.Sprintf("the proxy %s (%s)", p.Address, p.Variable) }

// ReadEnvironment reads the variables that tools of this kind know. The warnings,
// a line each, are about what is ignored.
func ReadEnvironment(getenv func(string) string) (Environment, []string) {
	var e Environment
	warnings := e.readProxies(getenv)
	return e, append(warnings, e.readCAs(getenv)...)
}

// firstSet is the first of these variables that is not blank, and its value.
func firstSet(getenv func(string) string, names ...string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(getenv(name)); value != "" {
			return name, value
		}
	}
	return "", ""
}

// readProxies reads the variables in net/http's order. Not
// [http.ProxyFromEnvironment]: it passes over a proxy that is no URL in silence.
func (e *Environment) readProxies(getenv func(string) string) (warnings []string) {
	for _, scheme := range []string{"https", "http"} {
		lower := scheme + "_proxy"
		name, value := firstSet(getenv, strings.ToUpper(lower), lower)
		if name == "" {
			continue
		}
		proxy, err := endpoint.ParseProxy(value)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is %v, so no proxy is used: write it as http://HOST:PORT or "+
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

// proxyFunc returns what finds the proxy to a URL, with its credentials, or nil.
// What is on the link itself is asked directly: the service of Azure's machines
// that gives tokens (169.254.169.254) is another one behind a proxy, or none.
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

// proxyURL is the proxy to a URL, with its credentials, or nil.
func (e Environment) proxyURL(to *url.URL) *url.URL { return e.proxyFunc()(to) }

// ProxyFor is the proxy to a URL, or the zero value.
func (e Environment) ProxyFor(to *url.URL) Proxy {
	proxy := e.proxyURL(to)
	if proxy == nil {
		return Proxy{}
	}
	variable := cmp.Or(e.emulator.variable, e.proxies[to.Scheme].variable)
	return Proxy{Address: proxy.Scheme + "://" + proxy.Host, Variable: variable}
}

// WithEmulatorProxy is the environment with the proxy that a connection string names, in a
// variable. That proxy leads to the emulator, which is on this machine or beyond it.
func (e Environment) WithEmulatorProxy(proxy endpoint.Secret, variable string) Environment {
	if u, err := endpoint.ParseProxy(proxy.Reveal()); err == nil && proxy != "" {
		e.emulator = proxySetting{variable, u.String}
	}
	return e
}
