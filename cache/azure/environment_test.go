package azure_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// variables are the environment variables of a process.
type variables map[string]string

func (v variables) get(name string) string { return v[name] }

// environment reads variables that cause no warning.
func environment(t testing.TB, v variables) transport.Environment {
	t.Helper()
	e, warnings := transport.ReadEnvironment(v.get)
	if len(warnings) > 0 {
		t.Errorf("got the warnings %q", warnings)
	}
	return e
}

// pemFile writes the certificate of a server to a file.
func pemFile(t testing.TB, folder string, s interface{ Certificate() *x509.Certificate }) string {
	t.Helper()
	file := filepath.Join(folder, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, append([]byte("# a corporate CA\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// newProxy starts a proxy before a TLS server, which it knows as example.com, the name in
// the server's certificate.
func newProxy(t *testing.T, s *server) *faults.Proxy {
	t.Helper()
	p := faults.NewProxy()
	p.Start()
	t.Cleanup(p.Stop)
	if s != nil {
		p.Route("example.com:443", s.Listener.Addr().String())
	}
	return p
}

// via opens the container "results" of https://example.com with the proxy of an
// environment.
func via(t *testing.T, e transport.Environment, signIn *credential) *azure.Container {
	t.Helper()
	sender := transport.New(generous, e)
	t.Cleanup(sender.CloseIdleConnections)
	return open(t, azure.Options{Container: "results", Endpoint: "https://example.com", Credential: signIn, Limits: generous, Transport: sender})
}

func TestProxy(t *testing.T) {
	s := newTLSServer(t, ok)
	p := newProxy(t, s)
	open := strings.TrimPrefix(p.URL, "http://")
	secured := faults.NewProxy()
	secured.StartTLS()
	t.Cleanup(secured.Stop)
	secured.Route("example.com:443", s.Listener.Addr().String())
	closed := newProxy(t, s)
	closed.Want("anna", "s3cr&t")
	ca := pemFile(t, t.TempDir(), s)
	for name, v := range map[string]variables{
		"HTTPS_PROXY":                {"HTTPS_PROXY": p.URL},
		"https_proxy":                {"https_proxy": p.URL},
		"a proxy without a scheme":   {"HTTPS_PROXY": open},
		"upper case has precedence":  {"HTTPS_PROXY": p.URL, "https_proxy": "http://127.0.0.1:1"},
		"an empty variable is unset": {"HTTPS_PROXY": " ", "https_proxy": p.URL},
		"NO_PROXY of other hosts":    {"HTTPS_PROXY": p.URL, "NO_PROXY": "localhost,.example.org,10.0.0.0/8"},
		"with credentials":           {"HTTPS_PROXY": strings.Replace(closed.URL, "//", "//anna:s3cr%26t@", 1)},
		"with TLS":                   {"HTTPS_PROXY": secured.URL},
	} {
		t.Run(name, func(t *testing.T) {
			v["NODE_EXTRA_CA_CERTS"] = ca // also that of the TLS proxy
			before := len(s.seen())
			c := via(t, environment(t, v), validFor(time.Hour))
			c.Warm(t.Context()) // opens nothing
			if _, err := get(t, c, "a"); err != nil {
				t.Error(err)
			}
			if got := len(s.seen()) - before; got != 1 {
				t.Errorf("got %d requests, want 1", got)
			}
		})
	}
	for _, p := range []*faults.Proxy{p, secured, closed} {
		if got := fmt.Sprint(p.Requested()); got != "[example.com:443]" {
			t.Errorf("the proxy got requests for %s", got)
		}
	}
}

// No format verb prints the password in an environment, or in a value that contains one.
func TestEnvironmentPrintsNoPassword(t *testing.T) {
	e := environment(t, variables{"HTTPS_PROXY": withPassword("http://proxy:3128")})
	sender := transport.New(generous, e)
	c := open(t, azure.Options{Container: "results", AccountName: "acc", Environment: e, Transport: sender})
	for _, value := range []any{e, &e, sender, azure.Options{Environment: e}, c} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, "pr0xy") {
				t.Errorf("%s: got %s, which has the password", verb, got)
			}
		}
	}
}

func TestCertificateAuthorities(t *testing.T) {
	s := newTLSServer(t, ok)
	folder, other := t.TempDir(), t.TempDir()
	ca := pemFile(t, folder, s)
	for name, text := range map[string]string{"README": "no certificate", "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		for _, folder := range []string{folder, other} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name    string
		v       variables
		trusted bool
		warning string
	}{
		{"none", variables{}, false, ""},
		{"NODE_EXTRA_CA_CERTS", variables{"NODE_EXTRA_CA_CERTS": ca}, true, ""},
		{"SSL_CERT_FILE", variables{"SSL_CERT_FILE": ca}, true, ""},
		{"SSL_CERT_DIR", variables{"SSL_CERT_DIR": other + string(os.PathListSeparator) + folder}, true, `SSL_CERT_DIR: no certificates were loaded from "` + other},
		{"a blank one", variables{"NODE_EXTRA_CA_CERTS": " "}, false, ""},
		{"a file that is not there", variables{"NODE_EXTRA_CA_CERTS": folder + "/gone"}, false, `NODE_EXTRA_CA_CERTS: no certificates were loaded from "` + folder + `/gone": no such file`},
		{"a file without a certificate", variables{"SSL_CERT_FILE": folder + "/README"}, false, `SSL_CERT_FILE: no certificates were loaded from "` + folder + `/README": it has no PEM certificate`},
		{"a certificate that is none", variables{"NODE_EXTRA_CA_CERTS": folder + "/broken.pem"}, false, "it has no PEM certificate"},
		{"a folder that is not there", variables{"SSL_CERT_DIR": folder + "/gone"}, false, "SSL_CERT_DIR: no certificates were loaded from"},
		{"one good and one bad", variables{"NODE_EXTRA_CA_CERTS": ca, "SSL_CERT_FILE": "/gone"}, true, "SSL_CERT_FILE: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, warnings := transport.ReadEnvironment(test.v.get)
			if (test.warning == "") != (len(warnings) == 0) || len(warnings) > 1 || test.warning != "" && !strings.Contains(warnings[0].Text, test.warning) {
				t.Errorf("got the warnings %q, want %q", warnings, test.warning)
			}
			if got := len(e.CAs) == 1 && e.CAs[0].Certificates() == 1; got != test.trusted {
				t.Errorf("got the files %+v", e.CAs)
			}
			sender := transport.New(generous, e)
			defer sender.CloseIdleConnections()
			response, err := sender.Get(s.URL)
			if err == nil {
				_ = response.Body.Close() // it is empty
			}
			if (err == nil) != test.trusted {
				t.Errorf("got %v, want it trusted: %v", err, test.trusted)
			}
		})
	}
}

// Added authorities are trusted in addition to the roots of the system.
func TestSystemRootsStay(t *testing.T) {
	system, err := x509.SystemCertPool()
	if err != nil || system.Equal(x509.NewCertPool()) {
		t.Skip("this machine has no roots")
	}
	s := newTLSServer(t, ok)
	added := environment(t, variables{"NODE_EXTRA_CA_CERTS": pemFile(t, t.TempDir(), s)})
	system.AddCert(s.Certificate())
	if !system.Equal(added.Roots()) {
		t.Error("the roots are not those of the system and the added one")
	}
}

// A sign-in uses the same proxy and CA as the requests.
func TestSignInThroughAProxy(t *testing.T) {
	s := newTLSServer(t, ok)
	authority := azuretest.NewAuthority()
	login := newTLSServer(t, func(_ int, w http.ResponseWriter, r *http.Request) { authority.ServeHTTP(w, r) })
	p := newProxy(t, s)
	p.Want("anna", "s3cret")
	p.Route("login.example.com:443", login.Listener.Addr().String())
	for name, value := range map[string]string{
		"AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555", "AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": "secret",
		"AZURE_AUTHORITY_HOST": "https://login.example.com",
	} {
		t.Setenv(name, value)
	}
	e := environment(t, variables{"HTTPS_PROXY": strings.Replace(p.URL, "//", "//anna:s3cret@", 1), "NODE_EXTRA_CA_CERTS": pemFile(t, t.TempDir(), s)})
	c := open(t, azure.Options{Container: "results", Endpoint: "https://example.com", SignIn: "environment", Limits: generous, Environment: e})
	if _, err := get(t, c, "a"); err != nil {
		t.Error(err)
	}
	if got, want := fmt.Sprint(p.Requested()), "[example.com:443 login.example.com:443]"; got != want {
		t.Errorf("the proxy got requests for %s, want %s", got, want)
	}

	p.Refuse(http.StatusForbidden)
	c = open(t, azure.Options{Container: "results", Endpoint: "https://example.com", SignIn: "environment", Limits: generous, Environment: e})
	_, err := get(t, c, "a")
	if err == nil || !strings.Contains(err.Error(), "refused to connect to login.example.com:443 (403)") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v, want the error of the proxy", err)
	}
}

// Parts of a large blob use separate connections through a proxy, too.
func TestPartsThroughAProxy(t *testing.T) {
	service := azuretest.New(azuretest.Options{Account: "account", Containers: []string{"results"}, Requests: 100})
	s := newUnstarted(t, nil)
	s.Config.Handler = service
	s.StartTLS()
	p := newProxy(t, s)
	e := environment(t, variables{"HTTPS_PROXY": p.URL, "SSL_CERT_FILE": pemFile(t, t.TempDir(), s)})
	sender := transport.New(generous, e)
	t.Cleanup(sender.CloseIdleConnections)
	c := open(t, azure.Options{
		Container: "results", Endpoint: "https://example.com/account", Credential: validFor(time.Hour), Limits: generous, Transport: sender,
		Ranges: download.Ranges{First: 1000, Part: 1000, Ahead: 4, Buffers: 4},
	})
	content := strings.Repeat("0123456789", 1000)
	if err := put(t, c, "a", content); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, c, "a"); got != content {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(content))
	}
	if got := len(service.Requests()); got != 11 {
		t.Errorf("got %d requests, want 11: a write, and ten parts", got)
	}
}
