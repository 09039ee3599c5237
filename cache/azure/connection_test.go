package azure_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// ofSDK is how the SDK for JavaScript reads a connection string
// (scripts/connection-strings.test.js), or nil if it rejects it.
type ofSDK struct{ Endpoint, Account, Key, SAS, Proxy string }

func readConnectionStrings(t testing.TB) (rows []struct {
	Text string
	SDK  *ofSDK
}) {
	t.Helper()
	data, err := os.ReadFile("testdata/connection-strings.json")
	if err == nil {
		err = json.Unmarshal(data, &rows)
	}
	if err != nil || len(rows) < 60 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

func partsOf(c endpoint.ConnectionString) ofSDK {
	return ofSDK{c.Endpoint, c.Account, c.Key.Reveal(), c.SAS.Reveal(), strings.TrimSuffix(c.Proxy.Reveal(), "/")}
}

// isKept reports whether this package sends a secret to an endpoint.
func isKept(endpoint string) bool {
	return regexp.MustCompile(`^(https://|http://127\.0\.0\.1)`).MatchString(endpoint) && !strings.ContainsAny(endpoint, `?"`)
}

// This package accepts what the SDK for JavaScript accepts, with the same account and
// credential, even with additions from pasting.
func TestConnectionStringsOfTheSDK(t *testing.T) {
	const name = "AZURE_STORAGE_CONNECTION_STRING"
	taken := 0
	for _, row := range readConnectionStrings(t) {
		if row.SDK == nil || !isKept(row.SDK.Endpoint) {
			continue
		}
		taken++
		for _, form := range []string{"%s", "\ufeff%s", "\"%s\"", "'%s'\r\n", name + "=%s", "export " + name + "=\"%s\"\n"} {
			if strings.ContainsAny(row.Text, `"'`) && strings.ContainsAny(form, `"'`) {
				continue
			}
			text := fmt.Sprintf(form, row.Text)
			got, err := endpoint.ParseConnectionString(endpoint.Secret(text), name)
			if err != nil || partsOf(got) != *row.SDK {
				t.Errorf("%q:\n got %+v, %v\nwant %+v", text, partsOf(got), err, *row.SDK)
			}
			if _, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(strings.TrimPrefix(row.Text, "\ufeff"))}); err != nil {
				t.Errorf("%q: %v", row.Text, err)
			}
		}
	}
	if taken < 40 {
		t.Errorf("only %d rows were compared", taken)
	}
}

// This package also accepts some strings that the SDK for JavaScript rejects.
func TestConnectionStringsBeyondTheSDK(t *testing.T) {
	key := endpoint.Secret(accountKey)
	const public = "https://acme.blob.core.windows.net"
	for text, want := range map[string]ofSDK{
		"AccountName=acme;AccountKey=" + accountKey:                                                                 {public, "acme", accountKey, "", ""},
		"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + accountKey:                                  {public, "acme", accountKey, "", ""},
		"AccountName = acme; AccountKey = " + accountKey:                                                            {public, "acme", accountKey, "", ""},
		"AccountName=acme;SharedAccessSignature=?sig=a":                                                             {public, "", "", "sig=a", ""},
		"accountname=acme;accountKEY=" + accountKey:                                                                 {public, "acme", accountKey, "", ""},
		" UseDevelopmentStorage=true":                                                                               {"http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", emulatorKey, "", ""},
		"DevelopmentStorageProxyUri=http://p:1;UseDevelopmentStorage=true":                                          {"http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", emulatorKey, "", "http://p:1"},
		"\"DefaultEndpointsProtocol=https;AccountName=acme;EndpointSuffix=x.example;AccountKey=" + accountKey + `"`: {"https://acme.blob.x.example", "acme", accountKey, "", ""},
	} {
		got, err := endpoint.ParseConnectionString(endpoint.Secret(text))
		if err != nil || partsOf(got) != want || len(got.Odd) > 0 {
			t.Errorf("%q:\n got %+v, %v, %q\nwant %+v", text, partsOf(got), err, got.Odd, want)
		}
	}
	if fmt.Sprint(key) == accountKey {
		t.Error("the test prints a secret")
	}
}

const emulatorKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// The warning names what is odd without showing it.
func TestOddConnectionStrings(t *testing.T) {
	const head = "DefaultEndpointsProtocol=https;AccountName=acme;EndpointSuffix=core.windows.net;AccountKey="
	for text, want := range map[string]string{
		head + accountKey:                               "",
		head + "?" + accountKey:                         "its AccountKey has characters that are not base64 and are ignored",
		head + accountKey[:20] + "\n" + accountKey[20:]: "its AccountKey has a line break, and everything after it is ignored",
	} {
		got, err := endpoint.ParseConnectionString(endpoint.Secret(text))
		if odd := strings.Join(got.Odd, "|"); err != nil || odd != want {
			t.Errorf("%q: got %q, %v, want %q", text, odd, err, want)
		}
	}
	for text, want := range map[string]string{
		"hunter2":                                                                   "it needs an AccountKey or SharedAccessSignature",
		"AccountKey=" + accountKey:                                                  "it needs an AccountName or BlobEndpoint",
		"AccountName=;AccountKey=" + accountKey:                                     "it has an AccountKey but no AccountName",
		"AccountName=ac\x01me;AccountKey=" + accountKey:                             "its AccountName has characters that an account name cannot have",
		"AccountName=acme;AccountKey=***":                                           "its AccountKey is not base64",
		"SharedAccessSignature=sig=hunter2":                                         "it needs an AccountName or BlobEndpoint",
		"AccountName=acme;SharedAccessSignature=?":                                  "its SharedAccessSignature is empty",
		"DefaultEndpointsProtocol=ftp;AccountName=acme;AccountKey=" + accountKey:    "its DefaultEndpointsProtocol is neither https nor http",
		"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=gopher://hunter2":    "its DevelopmentStorageProxyUri is a proxy URL with an unsupported scheme",
		"BlobEndpoint=acme.blob.core.windows.net;SharedAccessSignature=sig=hunter2": "its AccountName or BlobEndpoint does not make the URL",
	} {
		_, err := endpoint.ParseConnectionString(endpoint.Secret(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), accountKey[:20]) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// FuzzConnectionStringOfSDK compares this package with the SDK for JavaScript.
func FuzzConnectionStringOfSDK(f *testing.F) {
	for _, row := range readConnectionStrings(f) {
		f.Add(row.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := endpoint.ParseConnectionString(endpoint.Secret(text))
		if err == nil {
			if _, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(text)}); err != nil {
				t.Errorf("%q: Open: %v", text, err)
			}
		}
		want := extractParts(text)
		if want != nil && err != nil && !stricter.MatchString(err.Error()) {
			t.Errorf("%q: got %v, want %+v", text, err, *want)
		}
		if want != nil && err == nil {
			if strings.TrimSpace(got.Account) != strings.TrimSpace(want.Account) || got.Key.Reveal() != want.Key || (got.SAS == "") != (want.SAS == "") {
				t.Errorf("%q:\n got %+v\nwant %+v", text, partsOf(got), *want)
			}
		}
	})
}

// stricter matches the errors about strings that only the SDK for JavaScript accepts:
// with endpoints that cannot be requested, or only in clear text.
var stricter = regexp.MustCompile(`does not make the URL|clear text|an account name cannot have|neither https nor http|is not (the|a) URL|a proxy URL`)

// extractParts is extractConnectionStringParts of @azure/storage-blob 12.34.0 (MIT),
// without the parts that do not affect the credential.
func extractParts(text string) *ofSDK {
	isBroken := false
	value := func(name string) string {
		for element := range strings.SplitSeq(text, ";") {
			element = strings.TrimFunc(element, isJSSpace)
			if !strings.HasPrefix(element, name) {
				continue
			}
			found := regexp.MustCompile(name + "=([^\n\r\u2028\u2029]*)").FindStringSubmatch(element)
			if found == nil {
				isBroken = true
				return ""
			}
			return found[1]
		}
		return ""
	}
	if strings.HasPrefix(text, "UseDevelopmentStorage=true") {
		return nil // has no parts of its own
	}
	sdk := &ofSDK{Endpoint: value("BlobEndpoint")}
	if strings.Contains(text, "DefaultEndpointsProtocol=") && strings.Contains(text, "AccountKey=") {
		sdk.Account = value("AccountName")
		sdk.Key = nodeBase64(value("AccountKey"))
		if isBroken || sdk.Account == "" || sdk.Key == "" {
			return nil
		}
		return sdk
	}
	sdk.SAS = strings.TrimPrefix(value("SharedAccessSignature"), "?")
	if isBroken || sdk.SAS == "" || sdk.Endpoint == "" {
		return nil
	}
	return sdk
}

func isJSSpace(r rune) bool {
	return strings.ContainsRune("\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff", r)
}

// nodeBase64 returns Buffer.from(text, 'base64').toString('base64').
func nodeBase64(text string) string {
	text, _, _ = strings.Cut(text, "=")
	text = regexp.MustCompile(`[^A-Za-z0-9+/_-]`).ReplaceAllString(text, "")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	decoded, _ := base64.RawStdEncoding.DecodeString(text)
	if len(text)%4 == 1 {
		decoded, _ = base64.RawStdEncoding.DecodeString(text[:len(text)-1])
	}
	return base64.StdEncoding.EncodeToString(decoded)
}

// Requests use the credential that the SDK for JavaScript would use: a SAS in the query,
// or the account in the header.
func TestConnectionStringsAreSent(t *testing.T) {
	for _, row := range readConnectionStrings(t) {
		if row.SDK == nil || !isKept(row.SDK.Endpoint) {
			continue
		}
		var sent http.Header
		var to string
		c, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(row.Text), Transport: sentTo{&to, &sent}})
		if err != nil {
			t.Errorf("%q: %v", row.Text, err)
			continue
		}
		_, _ = get(t, c, "a") // it is not sent
		at, text, _ := strings.Cut(to, "?")
		query, queryErr := url.ParseQuery(text) // which the SDK for Go sorts
		want, wantErr := url.ParseQuery(row.SDK.SAS)
		isSigned := strings.HasPrefix(sent.Get("Authorization"), "SharedKey "+row.SDK.Account+":")
		if at != row.SDK.Endpoint+"/results/a" || queryErr != nil || wantErr != nil || !maps.EqualFunc(query, want, slices.Equal) || isSigned != (row.SDK.Key != "") {
			t.Errorf("%q: sent to %s, signed: %v", row.Text, to, isSigned)
		}
	}
}

// sentTo records a request and does not send it.
type sentTo struct {
	to     *string
	header *http.Header
}

func (s sentTo) Do(request *http.Request) (*http.Response, error) {
	*s.to, *s.header = request.URL.String(), request.Header
	header := http.Header{"X-Ms-Error-Code": {"BlobNotFound"}}
	return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: header, Request: request}, nil
}
