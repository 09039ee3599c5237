package azure_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

var namespaces = regexp.MustCompile(`</?[^\s<>]*:|xmlns`)

// answering is a transport that always returns the same response.
type answering struct{ body []byte }

func (a answering) Do(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a.body)), Header: make(http.Header), Request: request,
	}, nil
}

// Whatever the response, a list is read as package encoding/xml reads it, or rejected.
func FuzzList(f *testing.F) {
	const begin, end = "\xef\xbb\xbf" + `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://a/" ContainerName="b"><Prefix>v1/</Prefix><Blobs>`,
		`</Blobs><NextMarker /></EnumerationResults>`
	const whole = begin + `<Blob><Name>v1/trusted/1</Name><Properties><Last-Modified>Sun, 22 Nov 2026 22:00:00 GMT</Last-Modified><Etag>0x8DE</Etag>` +
		`<Content-Length>12</Content-Length><Content-MD5 /></Properties><Metadata><sha256>ab</sha256><Name>x</Name></Metadata><OrMetadata /></Blob>` + end
	f.Add([]byte(whole))
	f.Add([]byte(begin + `<Blob><Name Encoded="true">a%01</Name></Blob><Blob><Name>&lt;&amp;&#x41;&#66;</Name></Blob>` + end))
	f.Add([]byte(begin + `<BlobPrefix><Name>v1/trusted/</Name></BlobPrefix>` + end))
	f.Add([]byte(begin + end))
	f.Add([]byte("<html></html>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := open(t, azure.Options{
			Container: "results", ConnectionString: endpoint.Secret(connectionString("http://127.0.0.1:1")), Transport: answering{body},
		})
		var got []string
		for blob, err := range c.List(t.Context(), "v1/") {
			if err != nil {
				if bytes.Equal(body, []byte(whole)) {
					t.Errorf("got %v for a list of Azure", err)
				}
				return
			}
			if got = append(got, blob.Name); len(got) > 10*len(body) {
				return // its NextMarker leads back to the same page
			}
		}
		var want struct {
			XMLName xml.Name
			Blobs   []struct {
				Name struct {
					Encoded string `xml:",attr"`
					Text    string `xml:",chardata"`
				}
			} `xml:"Blobs>Blob"`
		}
		err := xml.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &want)
		// XML allows more than Azure sends.
		if err != nil || bytes.ContainsAny(body, "\r'") || namespaces.Match(body) || want.XMLName.Local != "EnumerationResults" {
			return
		}
		var names []string
		for _, blob := range want.Blobs {
			name := blob.Name.Text
			if blob.Name.Encoded == "true" {
				if name, err = url.PathUnescape(name); err != nil {
					return
				}
			}
			names = append(names, name)
		}
		if !slices.Equal(got, names) {
			t.Errorf("got %q, want %q", got, names)
		}
	})
}
