package signin_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// machine is a machine without identities, with the services that it can reach.
type machine struct {
	t         *testing.T
	authority *azuretest.Authority
	entra     *httptest.Server
	tools     string // the only folder of PATH, except those of the shell
	metadata  http.HandlerFunc
	machine   signin.Likelihood

	mu   sync.Mutex
	seen []string // host and path of every request
}

// newMachine sets the environment of the process.
func newMachine(t *testing.T) *machine {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"AZURE", "ACTIONS_", "GITHUB_", "SYSTEM_", "IDENTITY_", "MSI_", "IMDS_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	w := &machine{t: t, authority: azuretest.NewAuthority(), tools: t.TempDir(), machine: signin.No}
	w.entra = httptest.NewUnstartedServer(w.authority)
	w.entra.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.entra.StartTLS()
	t.Cleanup(w.entra.Close)
	t.Setenv("AZURE_AUTHORITY_HOST", w.entra.URL+"/")
	t.Setenv("PATH", w.tools+":/bin:/usr/bin")
	return w
}

// Do implements [policy.Transporter]. A handler serves the metadata address, if there is
// one.
func (w *machine) Do(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.seen = append(w.seen, r.URL.Host+r.URL.Path)
	w.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Host, "login."): // a cloud's own
		r.Host = r.URL.Host
		return responseOf(w.authority, r), nil
	case r.URL.Host != "169.254.169.254":
		return w.entra.Client().Do(r)
	case w.metadata == nil: // packets are dropped
		<-r.Context().Done()
		return nil, r.Context().Err()
	default:
		return responseOf(w.metadata, r), nil
	}
}

// responseOf returns the response of a handler, without a server.
func responseOf(handler http.Handler, r *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	response := recorder.Result()
	response.Request = r
	return response
}

// has returns how many requests went to a place.
func (w *machine) has(place string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, request := range w.seen {
		if strings.Contains(request, place) {
			n++
		}
	}
	return n
}

// tool puts a program on the path.
func (w *machine) tool(name, script string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

// az installs an Azure CLI with a signed-in user.
func (w *machine) az() {
	w.tool("az", `echo '{"accessToken":"`+userToken+`","expires_on":`+fmt.Sprint(time.Now().Add(time.Hour).Unix())+`}'`)
}

func (w *machine) set(variables map[string]string) {
	for name, value := range variables {
		w.t.Setenv(name, value)
	}
}

// file writes a file and returns its path.
func (w *machine) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// signIn signs in and returns the report.
func (w *machine) signIn(source string) (signin.Report, error) {
	w.t.Helper()
	tokens := w.tokens(source)
	_, err := tokens.GetToken(w.t.Context(), signin.Storage)
	return tokens.Report(), err
}

func (w *machine) tokens(source string) *signin.Tokens {
	w.t.Helper()
	tokens, err := signin.New(signin.Options{
		Source: source,
		Client: azcore.ClientOptions{Transport: w, Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: time.Millisecond}},
		Machine: func() signin.Likelihood {
			return w.machine
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return tokens
}

// github is GitHub's issuer of assertions, which numbers them.
func (w *machine) github() *httptest.Server {
	var n int
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "bearer job" || r.URL.Query().Get("audience") != "api://AzureADTokenExchange" || r.URL.Query().Get("v") != "1" {
			http.Error(rw, "no", http.StatusForbidden)
			return
		}
		n++
		fmt.Fprintf(rw, `{"value":"assertion-%d"}`, n)
	}))
	w.t.Cleanup(server.Close)
	return server
}

// metadataOf returns the metadata service of a virtual machine with an identity.
func metadataOf(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "true" {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	fmt.Fprintf(rw, `{"access_token":"machine","expires_in":"3600","expires_on":"%d","resource":"https://storage.azure.com","token_type":"Bearer"}`,
		time.Now().Add(time.Hour).Unix())
}
