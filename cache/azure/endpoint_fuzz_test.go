package azure_test

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// dialled is a transport that records where requests would go.
type dialled struct{ to *string }

func (d dialled) Do(r *http.Request) (*http.Response, error) {
	*d.to = r.URL.Scheme + "://" + r.URL.Host
	header := http.Header{"X-Ms-Error-Code": {"BlobNotFound"}}
	return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: header, Request: r}, nil
}

// The hosts that may receive a token, independent of the code.
var (
	azureHosts = regexp.MustCompile(`^[a-z0-9-]+(\.privatelink|\.z[0-9]+)*\.blob\.(core\.windows\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn|storage\.azure\.net)$`)
	shownURLs  = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._-]+)*$`)
)

func isLocal(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// If an endpoint is accepted, its host may receive a token, both as net/url reads it and
// as requests are sent. Its URL can be shown and pasted.
func FuzzEndpoint(f *testing.F) {
	for _, at := range []string{
		"https://account.blob.core.windows.net", "https://account.privatelink.blob.core.usgovcloudapi.net/", "https://a1b.z42.blob.storage.azure.net",
		"https://127.0.0.1:10000/devstoreaccount1", "https://[::1]:8443/account", "https://[::ffff:127.0.0.1]", "https://localhost", "https://attacker.example",
		"https://account.blob.core.windows.net.attacker.example", "https://account.blob.core.windows.net@attacker.example",
		"https://attacker.example\\@account.blob.core.windows.net", "https://attacker.example#.blob.core.windows.net", "https://127.1", "https://0x7f.1",
		"https://account.blob.core.windows.net./", "https://account.blob.core.windows.net/$(touch x)", "https://account.blob.core.windows.net/a\u009bb",
		"https://account.blob.core.windows.net/a\u202eb", "https://account.blob.core.windows。net", "http://127.0.0.1:10000/devstoreaccount1",
		"https://trusted.example:8443/a/b", "HTTPS://ACCOUNT.BLOB.CORE.WINDOWS.NET:443/..", "https://account.blob.core.windows.net?sig=hunter2hunter2hunter2",
	} {
		f.Add(at, "trusted.example:8443, [fd00::1]")
		f.Add(at, strings.TrimPrefix(at, "https://"))
	}
	f.Fuzz(func(t *testing.T, text, trusted string) {
		hosts, err := endpoint.ParseTrustedHosts(trusted)
		if err != nil {
			hosts = nil
		}
		to := ""
		c, err := azure.Open(azure.Options{
			Container: "results", Endpoint: text, Credential: validFor(time.Hour), TrustedHosts: hosts, Transport: dialled{&to},
		})
		if checked := endpoint.Check(text); err != nil {
			if said := err.Error() + " " + errorText(checked); len(said) > 2000 || strings.ContainsFunc(said, isOdd) {
				t.Errorf("%q: got %q, which is not one line", text, said)
			}
			return
		}
		parsed, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q: accepted, but not a URL", text)
		}
		_, _ = get(t, c, "a") // it is not sent
		at, err := url.Parse(to)
		if err != nil || at.Scheme != "https" || !strings.EqualFold(at.Host, parsed.Host) || parsed.User != nil {
			t.Fatalf("%q: sent to %q, %v", text, to, err)
		}
		host, port := strings.ToLower(parsed.Hostname()), parsed.Port()
		if port == "" {
			port = "443"
		}
		isNamed := false
		for _, entry := range hosts {
			isNamed = isNamed || entry == net.JoinHostPort(host, port)
		}
		if !azureHosts.MatchString(host) && !isLocal(host) && !isNamed {
			t.Errorf("%q: a token for %s, with %q", text, host, hosts)
		}
		if !shownURLs.MatchString(c.URL()) {
			t.Errorf("%q: shows %q", text, c.URL())
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func isOdd(r rune) bool { return r < ' ' || r > '~' }

// With an accepted connection string or SAS URL, no request goes to another machine in
// clear text. No error contains a key or a signature.
func FuzzConnectionString(f *testing.F) {
	const key, signature = "S0VZLUtFWS1LRVktS0VZLUtFWS1LRVk=", "U0lHLVNJRy1TSUctU0lHLVNJRw=="
	sas := "sv=2025-11-05&sp=rc&sig=" + url.QueryEscape(signature)
	for _, text := range []string{
		"DefaultEndpointsProtocol=https;AccountName=account;AccountKey=KEY;EndpointSuffix=core.windows.net",
		"DefaultEndpointsProtocol=http;AccountName=account;AccountKey=KEY;EndpointSuffix=core.windows.net",
		"AccountName=account;AccountKey=KEY;BlobEndpoint=http://127.0.0.1:10000/account",
		"AccountName=account;AccountKey=KEY;BlobEndpoint=http://127.0.0.1.evil.example",
		"BlobEndpoint=http://account.blob.core.windows.net;SharedAccessSignature=SAS",
		"BlobEndpoint=https://account.blob.core.windows.net/?SAS;SharedAccessSignature=SAS",
		"BlobEndpoint=HTTP://[::1]/a;SharedAccessSignature=?SAS", "DefaultEndpointsProtocol=https://evil.example/?;AccountName=a;AccountKey=KEY",
		"AccountName=a/;AccountKey=KEY;EndpointSuffix=@evil.example", "UseDevelopmentStorage=true", "blobendpoint=https://a;AccountKey=KEY", "KEY", "SAS",
		"https://account.blob.core.windows.net/results?SAS", "http://127.0.0.1:10000/account/results?SAS", "http://account.blob.core.windows.net/results?SAS",
		"https://account.blob.core.windows.net/$(touch x)?SAS", "https://user:KEY@account.blob.core.windows.net/results?SAS", "http:\\\\evil.example\\results?SAS",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.NewReplacer("KEY", key, "SAS", sas).Replace(text)
		for _, options := range []azure.Options{{ConnectionString: endpoint.Secret(text)}, {SASURL: endpoint.Secret(text)}} {
			to := ""
			options.Container, options.Transport = "results", dialled{&to}
			c, err := azure.Open(options)
			if err == nil {
				_, err = get(t, c, "a")
				checkSent(t, text, to)
				if !shownURLs.MatchString(c.URL()) {
					t.Errorf("%q: shows %q", text, c.URL())
				}
			}
			for _, secret := range []string{key, signature, url.QueryEscape(signature)} {
				if strings.Contains(errorText(err), secret) {
					t.Errorf("%q: got %v, which has %q", text, err, secret)
				}
			}
		}
	})
}

// checkSent fails if a request was sent to another machine in clear text.
func checkSent(t *testing.T, text, to string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" && to != "" && (u.Scheme != "http" || !isLocal(strings.ToLower(u.Hostname()))) {
		t.Errorf("%q: sent to %q, %v", text, to, err)
	}
}
