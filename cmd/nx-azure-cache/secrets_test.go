package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// Secrets that no line, log or report may contain, whatever fails. Each has characters
// that a URL escapes.
const (
	secretOfProxy  = "Pr0xy/Pass+w0rd"
	secretOfSAS    = "SasSig/Nature+Secret="
	secretOfClient = "Client/Secret+Value"
	secretKey      = "QWNjb3VudC9LZXk+U2VjcmV0Pz8/Pz8+Pj4+PDw8PDw8PDw8PA=="
)

// forms returns all spellings of a secret.
func forms(t *testing.T) (all []string) {
	for _, secret := range []string{secretOfProxy, secretOfSAS, secretOfClient, secretKey} {
		escaped := url.QueryEscape(secret)
		all = append(all, secret, strings.TrimRight(secret, "="), escaped, strings.ToLower(escaped), url.PathEscape(secret), url.QueryEscape(escaped))
	}
	license := strings.Split(testenv.License(t, "valid.jwt"), ".")
	return append(all, license[2], "eyJhbGciOiJFUzI1NiI", // of tokens
		base64.StdEncoding.EncodeToString([]byte("anna:"+secretOfProxy)))
}

// corporate is a storage and an Entra ID behind a proxy that requires a password and
// inspects TLS.
type corporate struct {
	proxy *faults.Proxy
	env   testenv.Env
}

// startCorporate starts the servers. If respond is not nil, it replaces the responses of
// the storage and Entra ID.
func startCorporate(t *testing.T, respond http.HandlerFunc) *corporate {
	t.Helper()
	service := azuretest.New(azuretest.Options{Account: testenv.StorageAccount, Containers: []string{testenv.Container}})
	var storage http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/"+testenv.StorageAccount+"/") { // with the host of an account
			r.URL.Path = "/" + testenv.StorageAccount + r.URL.Path
		}
		service.ServeHTTP(w, r)
	})
	login := http.Handler(azuretest.NewAuthority())
	if respond != nil {
		storage, login = respond, respond
	}
	c := &corporate{proxy: faults.NewProxy()}
	c.proxy.Start()
	t.Cleanup(c.proxy.Stop)
	c.proxy.Want("anna", secretOfProxy)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	for host, handler := range map[string]http.Handler{"example.com": storage, "login.example.com": login} {
		server := httptest.NewUnstartedServer(handler)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail here
		server.StartTLS()
		t.Cleanup(server.Close)
		c.proxy.Route(host+":443", server.Listener.Addr().String())
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(roots, text, 0o600); err != nil { // the same certificates for both
			t.Fatal(err)
		}
	}
	c.env = testenv.Env{
		endpoint.TrustedHostsVariable: "example.com",
		"NODE_EXTRA_CA_CERTS":         roots,
		"HTTPS_PROXY":                 strings.Replace(c.proxy.URL, "//", "//anna:"+url.QueryEscape(secretOfProxy)+"@", 1),
	}
	return c
}

// failures are failures of the network or the storage, with what doctor reports. One case
// fails nothing.
var failures = map[string]struct {
	says    string
	respond http.HandlerFunc
	change  func(*corporate)
}{
	"nothing":                   {says: "The remote cache works here."},
	"the password of the proxy": {"rejected the user or password in HTTPS_PROXY (407)", nil, func(c *corporate) { c.proxy.Want("anna", "another") }},
	"a proxy that forbids":      {"refused to connect to example.com:443 (403)", nil, func(c *corporate) { c.proxy.Refuse(http.StatusForbidden) }},
	"a proxy that is gone":      {"(HTTPS_PROXY) is unreachable (", nil, func(c *corporate) { c.proxy.Stop() }},
	"a proxy that is not a URL": {"HTTPS_PROXY is not the URL of a proxy", nil, func(c *corporate) {
		c.env["HTTPS_PROXY"] = strings.Replace(c.env["HTTPS_PROXY"], url.QueryEscape(secretOfProxy), secretOfProxy, 1)
		c.env["HTTP_PROXY"] = "http://anna:" + secretOfProxy + "%zz@[::1"
		c.env["NO_PROXY"] = "*"
	}},
	"an untrusted CA": {"which this machine does not trust", nil, func(c *corporate) { delete(c.env, "NODE_EXTRA_CA_CERTS") }},
	"a refusal":       {"", echo(http.StatusForbidden, "AuthenticationFailed"), nil},
	"a page":          {"something else responded in its place (403", echo(http.StatusForbidden, ""), nil},
	"a redirect": {"responded with a redirect (307) to https://elsewhere.example, which is not followed", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}, nil},
}

// echo responds with the whole request, as the details of Azure's errors do.
func echo(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // as much as arrives
		if code != "" {
			w.Header().Set("X-Ms-Error-Code", code)
			w.Header().Set("X-Ms-Request-Id", "1")
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><AuthenticationErrorDetail>%s %s %s %s</AuthenticationErrorDetail></Error>",
			code, r.URL, r.Header, body, secretKey)
	}
}

// heard records the bytes read from a stream.
type heard struct {
	io.ReadWriteCloser
	text output
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.ReadWriteCloser.Read(p)
	_, _ = h.text.Write(p[:n]) // to memory
	return n, err
}

// ofARun returns all messages and logs of a server during a run.
func ofARun(t *testing.T, environment testenv.Env, config string) string {
	t.Helper()
	ours, theirs := net.Pipe()
	stream, logged := &heard{ReadWriteCloser: ours}, new(output)
	environment = maps.Clone(environment)
	environment[logVariable] = "debug"
	served := make(chan error, 1)
	go func() {
		served <- run(t.Context(), []string{"serve"}, stdio{stdin: theirs, stdout: theirs, stderr: logged, getenv: environment.Get, ignore: ignoreNothing})
	}()
	s := newSession(t, stream)
	s.initialize(config)
	var both sync.WaitGroup // each of them is retried
	for method, params := range map[string]any{
		"retrieve": map[string]string{"hash": "1", "cacheDirectory": t.TempDir()},
		"store":    newResult(t),
	} {
		both.Go(func() { _ = s.Call(t.Context(), method, params, nil) }) // the test checks its error
	}
	both.Wait()
	_ = s.Call(t.Context(), "drain", nil, nil)
	s.Close()
	err := <-served
	if !strings.Contains(logged.String(), "initialize") || !strings.Contains(stream.text.String(), "serverVersion") {
		t.Errorf("got %q and the log %q, want both", stream.text.String(), logged)
	}
	return fmt.Sprintln(stream.text.String(), logged, err)
}

// everything returns all output of a run and of the commands.
func everything(t *testing.T, environment testenv.Env, config string) map[string]string {
	t.Helper()
	said := make(map[string]string)
	var commands sync.WaitGroup
	var mu sync.Mutex
	for _, args := range []string{"doctor", "doctor --json", "ls"} {
		commands.Go(func() {
			stdout, stderr, err := runWith(t, environment, strings.Fields(args)...)
			mu.Lock()
			defer mu.Unlock()
			said[args] = fmt.Sprintln(stdout, stderr, err)
		})
	}
	ofRun := ofARun(t, environment, config)
	commands.Wait()
	said["a run"] = ofRun
	return said
}

func TestOutputHasNoSecrets(t *testing.T) {
	const entra = `{"container": "artifacts", "endpoint": "https://example.com/nxcache", "credential": "environment"}`
	signIns := map[string]struct {
		config string
		env    testenv.Env
	}{
		"a key":     {testenv.PlainConfig, testenv.Env{config.ConnectionVariable: "DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + secretKey + ";BlobEndpoint=https://example.com/nxcache"}},
		"a SAS":     {testenv.PlainConfig, testenv.Env{config.ConnectionVariable: "BlobEndpoint=https://example.com/nxcache;SharedAccessSignature=sv=2025-11-05&sr=c&sp=rc&se=2099-01-01T00:00:00Z&sig=" + url.QueryEscape(secretOfSAS)}},
		"a SAS URL": {testenv.PlainConfig, testenv.Env{config.SASVariable: "https://example.com/artifacts?sv=2025-11-05&sr=c&sp=rc&se=2020-01-01&sig=" + url.QueryEscape(secretOfSAS)}},
		"an app": {entra, testenv.Env{
			"AZURE_AUTHORITY_HOST": "https://login.example.com", "AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111",
			"AZURE_CLIENT_ID": "22222222-2222-2222-2222-222222222222", "AZURE_CLIENT_SECRET": secretOfClient}},
	}
	secrets := forms(t)
	for name, signIn := range signIns {
		t.Run(name, func(t *testing.T) {
			if name == "an app" {
				for name, value := range signIn.env { // because the sign-in reads the environment of the process
					t.Setenv(name, value)
				}
			} else {
				t.Parallel()
			}
			for name, failure := range failures {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					c := startCorporate(t, failure.respond)
					if failure.change != nil {
						failure.change(c)
					}
					environment := testenv.LicensedEnv(t, testenv.DevRun, signIn.config, "")
					maps.Copy(environment, c.env)
					maps.Copy(environment, signIn.env)
					said := everything(t, environment, signIn.config)
					for what, text := range said {
						for _, secret := range secrets {
							if strings.Contains(text, secret) {
								t.Errorf("%s says %q in %s", what, secret, text)
							}
						}
					}
					if !strings.Contains(said["doctor"], failure.says) {
						t.Errorf("got %s, want %q", said["doctor"], failure.says)
					}
				})
			}
		})
	}
}
