package azuretest_test

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// target is a Blob service under test, with an existing container.
type target struct {
	account   string // its URL
	container string
	sas       string // a query, or ""
}

// header holds the headers of a request.
type header map[string]string

// response is what tests check of a response.
type response struct {
	method string
	status int
	code   string // x-ms-error-code
	header http.Header
	body   string
}

// onBoth runs a test with the service of this package, and with Azurite if it runs, to
// ensure that the test matches both.
func onBoth(t *testing.T, test func(t *testing.T, on target)) {
	t.Run("azuretest", func(t *testing.T) {
		_, on := start(t, azuretest.Options{})
		test(t, on)
	})
	t.Run("Azurite", func(t *testing.T) { test(t, azurite(t)) })
}

// start starts a service with the container "results".
func start(t *testing.T, options azuretest.Options) (*azuretest.Service, target) {
	t.Helper()
	options.Containers = []string{"results"}
	options.Requests = 100
	service := azuretest.New(options)
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return service, target{account: server.URL + "/" + azuretest.Account, container: "results"}
}

func azurite(t *testing.T) target {
	t.Helper()
	connectionString, container := cachetest.Azurite(t)
	parts := make(map[string]string)
	for part := range strings.SplitSeq(connectionString, ";") {
		key, value, _ := strings.Cut(part, "=")
		parts[key] = value
	}
	key, err := blob.NewSharedKeyCredential(parts["AccountName"], parts["AccountKey"])
	if err != nil {
		t.Fatal(err)
	}
	query, err := sas.AccountSignatureValues{
		Protocol: sas.ProtocolHTTPSandHTTP, ExpiryTime: time.Now().Add(time.Hour),
		Permissions: "racwdl", ResourceTypes: "sco",
	}.SignWithSharedKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return target{parts["BlobEndpoint"], container, query.Encode()}
}

// fresh returns a name that no blob of any run has.
func fresh() string { return "test-" + strings.ToLower(rand.Text()) }

// do sends a request for a blob, or for the container if the name is "". Blobs are block
// blobs, unless the test says otherwise.
func (on target) do(t *testing.T, method, name, query string, send header, body string) response {
	t.Helper()
	path := on.account + "/" + on.container
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return on.request(t, method, path, query, send, body)
}

func (on target) request(t *testing.T, method, path, query string, send header, body string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.URL.RawQuery = strings.Trim(query+"&"+on.sas, "&")
	if method == http.MethodPut && query == "" {
		r.Header.Set("x-ms-blob-type", "BlockBlob")
	}
	r.Header.Set("x-ms-version", "2025-11-05") // a version that Azurite knows
	for key, value := range send {
		if r.Header.Set(key, value); value == "" {
			r.Header.Del(key)
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{method, answer.StatusCode, answer.Header.Get("x-ms-error-code"), answer.Header, string(content)}
}

// must is [target.do] for requests that must succeed.
func (on target) must(t *testing.T, method, name, query string, send header, body string) response {
	t.Helper()
	got := on.do(t, method, name, query, send, body)
	if got.status/100 != 2 {
		t.Fatalf("%s %s?%s: got %d %s, want success", method, name, query, got.status, got.code)
	}
	return got
}

// check compares a response with a wanted one, such as "200" or "404 BlobNotFound".
func (r response) check(t *testing.T, what, want string) {
	t.Helper()
	if got := strings.TrimSpace(itoa(r.status) + " " + r.code); got != want {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
	if r.code == "" || r.method == http.MethodHead || r.status == http.StatusNotModified {
		return // no body
	}
	var body struct{ Code, Message string }
	if err := xml.Unmarshal(bytes.TrimPrefix([]byte(r.body), []byte("\xef\xbb\xbf")), &body); err != nil || body.Code != r.code || body.Message == "" {
		t.Errorf("%s: got the body %q (%v), want an error with the code %s", what, r.body, err, r.code)
	}
}
