package azure_test

import (
	"encoding/base64"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// tries is how often a request that keeps failing is sent: once, and two retries.
const tries = 3

// accountKey is as long as a real one, and its URL-escaped form differs.
var accountKey = base64.StdEncoding.EncodeToString(slices.Repeat([]byte("\xfb\xff\xbftest\xff"), 8))

// recorded is a request that a server has received.
type recorded struct {
	method, path, query string
	header              http.Header
	body                string
}

// server is a Blob service whose responses the test chooses.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []recorded
}

// newServer starts a server. Its handler gets the number of the request, counted from 0.
func newServer(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := newUnstarted(t, answer)
	s.Start()
	return s
}

func newTLSServer(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := newUnstarted(t, answer)
	s.StartTLS()
	return s
}

func newUnstarted(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(s.record(answer))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail in these tests
	t.Cleanup(s.Close)
	return s
}

func (s *server) record(answer func(n int, w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // if the client disconnects, the test reports the missing bytes
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, recorded{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Clone(), string(body)})
		s.mu.Unlock()
		answer(n, w, r)
	}
}

func (s *server) seen() []recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// connectionString returns a connection string with [accountKey] for a service at endpoint.
func connectionString(endpoint string) string {
	return "DefaultEndpointsProtocol=http;AccountName=account;AccountKey=" + accountKey + ";BlobEndpoint=" + endpoint + "/account"
}

// open opens a container. It trusts the host of the endpoint, which in tests is often
// outside Azure.
func open(t *testing.T, options azure.Options) *azure.Container {
	t.Helper()
	if u, err := url.Parse(options.Endpoint); err == nil && options.TrustedHosts == nil {
		options.TrustedHosts, _ = endpoint.ParseTrustedHosts(u.Host) // Open reports what is wrong
	}
	c, err := azure.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// container opens the container "results" of a server with the account's key.
func (s *server) container(t *testing.T) *azure.Container {
	t.Helper()
	return open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL))})
}

// fail responds as Azure does, with the code in a header and in the body.
func fail(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("x-ms-error-code", code)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<?xml version=\"1.0\"?><Error><Code>"+code+"</Code><Message>prose</Message></Error>")
}

// get reads a whole blob from any cache.Blobs.
func get(t *testing.T, blobs cache.Blobs, name string) (string, error) {
	t.Helper()
	blob, err := blobs.Get(t.Context(), name)
	if err != nil {
		return "", err
	}
	defer func() { _ = blob.Body.Close() }()
	content, err := io.ReadAll(blob.Body)
	return string(content), err
}

func put(t *testing.T, blobs cache.Blobs, name, content string) error {
	t.Helper()
	return blobs.Put(t.Context(), name, strings.NewReader(content), cache.Metadata{"format": "1"})
}
