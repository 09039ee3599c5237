package azure

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Environment is what the variables of a process say of its way to servers: the
// proxies, and whom it trusts. Its zero value has no proxies and the roots of the
// system.
type Environment struct {
	// CAs are the files with roots that are added to those of the system.
	CAs []CAFile

	// every is the proxy to all servers, also to those of this machine. It wins.
	every   setProxy
	proxies map[string]setProxy // by the scheme of what is asked for
	noProxy string
}

// setProxy is a proxy that a variable names.
type setProxy struct {
	variable string
	// url may hold a password. It is a function, so that no format verb shows it: of
	// a field that is not exported they show a Secret, too.
	url func() string
}

// reveal is the URL with its password, or "" where there is no proxy.
func (p setProxy) reveal() string {
	if p.url == nil {
		return ""
	}
	return p.url()
}

// CAFile is a file, or a folder of files, with the certificates of certificate
// authorities.
type CAFile struct {
	Variable string // that names it
	Path     string
}

// Certificates is how many it has.
func (f CAFile) Certificates() int {
	n := 0
	for range f.certificates() {
		n++
	}
	return n
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
		proxy, err := parseProxy(value)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is %v: no proxy is used; it looks like http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, "+
				"with special characters percent-encoded", name, err))
			continue
		}
		if e.proxies == nil {
			e.proxies = make(map[string]setProxy)
			_, e.noProxy = firstSet(getenv, "NO_PROXY", "no_proxy")
		}
		e.proxies[scheme] = setProxy{name, proxy.String}
	}
	return warnings
}

// parseProxy reads the address of a proxy; without a scheme, it is HTTP. The
// error holds nothing of it.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if !strings.Contains(text, "://") {
		u, err = url.Parse("http://" + text)
	}
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("not the URL of a proxy")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// A password with one of / ? # in it ends the host there: user:12#34@proxy.
		return nil, errors.New("the URL of a proxy with more behind it")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return nil, errors.New("the URL of an unknown kind of proxy (there are http, https, socks5 and socks5h)")
	}
	return u, nil
}

// proxyFunc returns what finds the proxy to a URL, with its credentials, or nil.
// What is on the link itself is asked directly: the service of Azure's machines
// that gives tokens (169.254.169.254) is another one behind a proxy, or none.
func (e Environment) proxyFunc() func(to *url.URL) *url.URL {
	find := (&httpproxy.Config{
		HTTPSProxy: e.proxies["https"].reveal(), HTTPProxy: e.proxies["http"].reveal(), NoProxy: e.noProxy,
	}).ProxyFunc()
	every, _ := url.Parse(e.every.reveal())
	return func(to *url.URL) *url.URL {
		if e.every.url != nil {
			return every
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
	variable := cmp.Or(e.every.variable, e.proxies[to.Scheme].variable)
	return Proxy{Address: proxy.Scheme + "://" + proxy.Host, Variable: variable}
}

// Through is the environment with the proxy that a connection string names, in a
// variable. That proxy leads to the emulator, which is on this machine or beyond it.
func (e Environment) Through(proxy Secret, variable string) Environment {
	if u, err := parseProxy(proxy.Reveal()); err == nil && proxy != "" {
		e.every = setProxy{variable, u.String}
	}
	return e
}

// readCAs finds the files that the variables of Node and OpenSSL name. It reads no
// more of them than tells that there is a certificate: all of a system's take
// longer than everything else at the start.
func (e *Environment) readCAs(getenv func(string) string) (warnings []string) {
	var files []CAFile
	for _, variable := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"} {
		if _, path := firstSet(getenv, variable); path != "" {
			files = append(files, CAFile{variable, path})
		}
	}
	_, list := firstSet(getenv, caFolders)
	for _, folder := range filepath.SplitList(list) {
		files = append(files, CAFile{caFolders, folder})
	}
	for _, file := range files {
		if err := file.check(); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s: no certificates are taken from %q: %v", file.Variable, printable.Short(file.Path, 2*maxForeign), err))
			continue
		}
		e.CAs = append(e.CAs, file)
	}
	return warnings
}

// Roots reads whom it trusts; nil stands for those of the system, to which all
// others are added. Go reads the variables of OpenSSL itself, but not on Windows and
// macOS; and there is no place where it takes what they name beside the system's.
func (e Environment) Roots() *x509.CertPool {
	if len(e.CAs) == 0 {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // a bare container image has none
		roots = x509.NewCertPool()
	}
	for _, file := range e.CAs {
		for certificate := range file.certificates() {
			roots.AddCert(certificate)
		}
	}
	return roots
}

// caFolders is OpenSSL's variable for folders; the others name files.
const caFolders = "SSL_CERT_DIR"

// check returns why no certificate can be taken from the file.
func (f CAFile) check() error {
	for range f.certificates() {
		return nil
	}
	if f.Variable == caFolders {
		if _, err := os.ReadDir(f.Path); err != nil {
			return bare(err)
		}
		return errors.New("it has no files with certificates in PEM")
	}
	if _, err := os.ReadFile(f.Path); err != nil {
		return bare(err)
	}
	return errors.New("it has no certificate in PEM (-----BEGIN CERTIFICATE-----)")
}

// certificates reads those of the file, or of the files of the folder. What cannot
// be read or is no certificate that Go takes is left out: some bundles and folders
// have such.
func (f CAFile) certificates() iter.Seq[*x509.Certificate] {
	return func(yield func(*x509.Certificate) bool) {
		for _, path := range f.paths() {
			text, _ := os.ReadFile(path)
			for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
				if block.Type != "CERTIFICATE" {
					continue
				}
				if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && !yield(certificate) {
					return
				}
			}
		}
	}
}

func (f CAFile) paths() []string {
	if f.Variable != caFolders {
		return []string{f.Path}
	}
	entries, _ := os.ReadDir(f.Path)
	var paths []string
	for _, entry := range entries {
		paths = append(paths, filepath.Join(f.Path, entry.Name()))
	}
	return paths
}

// bare drops the path from err, which stands beside it.
func bare(err error) error {
	failed, _ := errors.AsType[*fs.PathError](err)
	if failed == nil {
		return err
	}
	return cmp.Or(failed.Err, err)
}
