package azure_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// sasSignature is a signature whose escaped forms all differ.
const sasSignature = "TOP/secret+signature=="

var sasQuery = "sv=2024-11-04&sp=rc&se=2030-01-01T00%3A00%3A00Z&sr=c&sig=" + url.QueryEscape(sasSignature)

func sasString(at string) endpoint.Secret {
	return endpoint.Secret("BlobEndpoint=" + at + "/account;SharedAccessSignature=" + sasQuery)
}

// secrets are strings that no output may contain.
func secrets() []string {
	var all []string
	for _, secret := range []string{accountKey, sasSignature} {
		escaped := url.QueryEscape(secret)
		all = append(all, secret, escaped, url.PathEscape(secret), url.QueryEscape(escaped), strings.ToLower(escaped),
			strings.TrimRight(secret, "="))
	}
	return all
}

// checkSecrets prints a value in all ways in which a log may.
func checkSecrets(t *testing.T, value any) {
	t.Helper()
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, value))
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Errorf("marshal: %v", err)
	}
	printed = append(printed, string(text))
	if err, ok := value.(error); ok {
		printed = append(printed, err.Error())
		for err = errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
			printed = append(printed, fmt.Sprintf("%v %+v %#v", err, err, err))
		}
	}
	for _, text := range printed {
		for _, secret := range secrets() {
			if strings.Contains(text, secret) {
				t.Errorf("%q contains the secret %q", text, secret)
				break
			}
		}
	}
}

func TestNoErrorContainsASecret(t *testing.T) {
	echo := func(status int, code string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, r *http.Request) {
			// as Azure's AuthenticationErrorDetail does
			w.Header().Set("Content-Type", "application/xml")
			if code != "" {
				w.Header().Set("x-ms-error-code", code)
			}
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Detail>Signature did not match: %s %s %s</Detail></Error>",
				code, r.URL, accountKey, sasSignature)
		}
	}
	for _, test := range []struct {
		name string
		// endpoint returns the endpoint of a service that fails in a particular way.
		endpoint func(t *testing.T) string
	}{
		{"a refused connection", closedPort},
		{"a host that does not exist", func(*testing.T) string { return "http://nowhere.invalid" }},
		{"an endpoint that is no URL", func(*testing.T) string { return "http://[::1" }},
		{"an unknown scheme", func(*testing.T) string { return "gopher://127.0.0.1" }},
		{"an unknown certificate", func(t *testing.T) string { return newTLSServer(t, ok).URL }},
		{"TLS spoken to a plain server", func(t *testing.T) string {
			return strings.Replace(newServer(t, ok).URL, "http:", "https:", 1)
		}},
		{"400", func(t *testing.T) string { return newServer(t, echo(400, "InvalidQueryParameterValue")).URL }},
		{"403", func(t *testing.T) string { return newServer(t, echo(403, "AuthenticationFailed")).URL }},
		{"403 of a proxy", func(t *testing.T) string { return newServer(t, echo(403, "")).URL }},
		{"404 of a container", func(t *testing.T) string { return newServer(t, echo(404, "ContainerNotFound")).URL }},
		{"409", func(t *testing.T) string { return newServer(t, echo(409, "LeaseIdMissing")).URL }},
		{"a redirect to nowhere", func(t *testing.T) string {
			return newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://nowhere.invalid/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
			}).URL
		}},
		{"a redirect in circles", func(t *testing.T) string {
			return newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
			}).URL
		}},
		{"a response that is not HTTP", func(t *testing.T) string {
			return newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = fmt.Fprintf(conn, "%s\r\n\r\n", r.URL)
				_ = conn.Close()
			}).URL
		}},
		{"a body that breaks", func(t *testing.T) string {
			return newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && r.Header.Get("If-Match") == "" {
					w.Header().Set("ETag", blobTag)
					w.Header().Set("Content-Length", "1000")
					_, _ = io.WriteString(w, "the beginning")
					_ = http.NewResponseController(w).Flush()
				}
				hangUp(t, w)
			}).URL
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at := test.endpoint(t)
			var wg sync.WaitGroup // each of them fails slowly, after retries
			for _, text := range []endpoint.Secret{endpoint.Secret(connectionString(at)), sasString(at)} {
				c, err := azure.Open(azure.Options{Container: "results", ConnectionString: text})
				if err != nil {
					checkSecrets(t, err)
					continue
				}
				checkSecrets(t, c)
				wg.Go(func() {
					_, err := get(t, c, "a")
					if err == nil {
						t.Error("get: got no error")
					}
					checkSecrets(t, err)
				})
				wg.Go(func() {
					err := put(t, c, "a", "content")
					if err == nil {
						t.Error("put: got no error")
					}
					checkSecrets(t, err)
				})
				wg.Go(func() {
					_, listing := listed(t.Context(), c, "v1/")
					_, looking := c.Properties(t.Context(), "a")
					for what, err := range map[string]error{"list": listing, "inspect": looking, "delete": c.Delete(t.Context(), "a", "")} {
						if err == nil {
							t.Errorf("%s: got no error", what)
						}
						checkSecrets(t, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestNoBadConnectionStringIsShown(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"a bare key", accountKey},
		{"a bare SAS", sasQuery},
		{"a SAS URL", "https://account.blob.core.windows.net/results?" + sasQuery},
		{"a key that is not base64", "AccountName=account;AccountKey=" + sasSignature},
		{"a key with a blank", "AccountName=account;AccountKey= " + accountKey},
		{"an account that is no host", "AccountName=a b;AccountKey=" + accountKey},
		{"an endpoint that is a SAS URL", "BlobEndpoint=https://%zz/?" + sasQuery + ";SharedAccessSignature=" + sasQuery},
		{"an endpoint that is no URL", "BlobEndpoint=:;SharedAccessSignature=" + sasQuery},
		{"a SAS with a control character", "BlobEndpoint=https://account.blob.core.windows.net;SharedAccessSignature=" + sasQuery + "\x01"},
		{"a name in lower case", "accountname=account;accountkey=" + accountKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(test.text)})
			if err == nil { // some fail only when used
				checkSecrets(t, c)
				checkSecrets(t, c.URL())
				return
			}
			checkSecrets(t, err)
		})
	}
}

// A misplaced secret is not repeated, either.
func TestNoMisplacedSecretIsShown(t *testing.T) {
	for _, text := range []string{
		connectionString("https://account.blob.core.windows.net"),
		string(sasString("https://account.blob.core.windows.net")),
		"https://account.blob.core.windows.net?" + sasQuery,
		strings.Repeat("a", 64) + accountKey,
		accountKey,
	} {
		for _, options := range []azure.Options{
			{Container: text},
			{Container: "results", AccountName: text},
			{Container: "results", Endpoint: text},
		} {
			_, err := azure.Open(options)
			if err == nil {
				t.Errorf("got no error for %+v", options)
			}
			checkSecrets(t, err)
		}
	}
}

func TestSecret(t *testing.T) {
	secret := endpoint.Secret(accountKey)
	if got := secret.Reveal(); got != accountKey {
		t.Errorf("got %q, want the secret itself", got)
	}
	if got, want := fmt.Sprintf("%v %+v %#v %s %q %x %X %d %t", secret, secret, secret, secret, secret, secret, secret, secret, secret),
		strings.TrimSpace(strings.Repeat(" REDACTED", 9)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, value := range []any{
		secret,
		&secret,
		[]endpoint.Secret{secret},
		map[string]endpoint.Secret{"key": secret},
		azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString("http://127.0.0.1"))},
		&azure.Options{Container: "results", ConnectionString: sasString("http://127.0.0.1")},
	} {
		checkSecrets(t, value)
	}
}
