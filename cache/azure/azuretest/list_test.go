package azuretest_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

// listed is the part of a list that clients read.
type listed struct {
	ServiceEndpoint string `xml:",attr"`
	ContainerName   string `xml:",attr"`
	Blobs           []struct {
		Name       string
		Properties struct {
			Etag          string
			ContentLength int64  `xml:"Content-Length"`
			LastModified  string `xml:"Last-Modified"`
			ContentType   string `xml:"Content-Type"`
			BlobType      string
		}
		Metadata struct {
			All []struct {
				XMLName xml.Name
				Value   string `xml:",chardata"`
			} `xml:",any"`
		}
	} `xml:"Blobs>Blob"`
	Folders    []string `xml:"Blobs>BlobPrefix>Name"`
	Delimiter  string
	NextMarker string
}

func (l listed) names() (names []string) {
	for _, blob := range l.Blobs {
		names = append(names, blob.Name)
	}
	return names
}

func (on target) list(t *testing.T, query string) (l listed) {
	t.Helper()
	body := on.must(t, http.MethodGet, "", "restype=container&comp=list&"+query, nil, "").body
	if err := xml.Unmarshal([]byte(strings.TrimPrefix(body, "\xef\xbb\xbf")), &l); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return l
}

func TestList(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		prefix := fresh() + "/"
		names := []string{"a", "a/b", "b & <c>", "b", "c/ä"}
		for i, name := range names {
			on.must(t, http.MethodPut, prefix+name, "", header{"x-ms-meta-format": fmt.Sprint(i)}, strings.Repeat("x", i))
		}
		on.beside(t, prefix)
		on.must(t, http.MethodPut, prefix+"uncommitted", "comp=block&blockid=AAAA", nil, "x")

		got := on.list(t, "include=metadata&prefix="+url.QueryEscape(prefix))
		if got.ContainerName != on.container || !strings.HasPrefix(got.ServiceEndpoint, "http://127.0.0.1:") || got.NextMarker != "" {
			t.Errorf("got %+v, want the container and no next page", got)
		}
		sorted := slices.Sorted(slices.Values(names))
		for i, blob := range got.Blobs {
			sent := slices.Index(names, strings.TrimPrefix(blob.Name, prefix))
			existing := on.must(t, http.MethodHead, blob.Name, "", nil, "").header
			p := blob.Properties
			if blob.Name != prefix+sorted[i] || p.ContentLength != int64(sent) || p.LastModified != existing.Get("Last-Modified") || p.BlobType != "BlockBlob" ||
				p.ContentType != "application/octet-stream" || strings.Trim(p.Etag, `"`) != strings.Trim(existing.Get("ETag"), `"`) {
				t.Errorf("blob %d: got %+v, want %q of %d bytes as %v says", i, blob, sorted[i], sent, existing)
			}
			if m := blob.Metadata.All; len(m) != 1 || !strings.EqualFold(m[0].XMLName.Local, "format") || m[0].Value != fmt.Sprint(sent) {
				t.Errorf("blob %d: got the metadata %+v, want format %d", i, m, sent)
			}
		}
		if len(got.Blobs) != len(names) {
			t.Errorf("got %q, want %q", got.names(), sorted)
		}
		if got := on.list(t, "prefix="+url.QueryEscape(prefix)); len(got.Blobs[0].Metadata.All) != 0 {
			t.Errorf("got %+v, want no metadata unless requested", got.Blobs[0])
		}
	})
}

// beside stores blobs whose names sort right before and after a prefix.
func (on target) beside(t *testing.T, prefix string) {
	t.Helper()
	parent := strings.TrimSuffix(prefix, "/")
	for _, name := range []string{parent, parent + ".", parent + "0"} { // . sorts before /, 0 after it
		on.must(t, http.MethodPut, name, "", nil, "")
	}
}

func TestListPages(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		prefix := fresh() + "/"
		var want []string
		for i := range 7 {
			want = append(want, fmt.Sprintf("%s%d", prefix, i))
			on.must(t, http.MethodPut, want[i], "", nil, "")
		}
		on.beside(t, prefix)
		var got []string
		var sizes []int
		for marker, more := "", true; more; more = marker != "" {
			page := on.list(t, "maxresults=3&prefix="+url.QueryEscape(prefix)+"&marker="+url.QueryEscape(marker))
			got = append(got, page.names()...)
			sizes = append(sizes, len(page.Blobs))
			marker = page.NextMarker
		}
		if !slices.Equal(got, want) || !slices.Equal(sizes, []int{3, 3, 1}) {
			t.Errorf("got %q in pages of %v, want %q in pages of 3, 3 and 1", got, sizes, want)
		}
	})
}

// All blobs below a delimiter are one item of the list.
func TestListFolders(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		prefix := fresh() + "/"
		for _, name := range []string{"a/1", "a/2", "a/b/3", "b", "c & d/1", "e/1", "e/2"} {
			on.must(t, http.MethodPut, prefix+name, "", nil, "")
		}
		on.beside(t, prefix)
		query := "delimiter=/&prefix=" + url.QueryEscape(prefix)
		got := on.list(t, query)
		wantFolders := []string{prefix + "a/", prefix + "c & d/", prefix + "e/"}
		if !slices.Equal(got.Folders, wantFolders) || !slices.Equal(got.names(), []string{prefix + "b"}) || got.Delimiter != "/" {
			t.Errorf("got %+v, want the folders %q and b", got, wantFolders)
		}

		var folders, blobs []string
		for marker, pages := "", 0; pages == 0 || marker != ""; pages++ {
			page := on.list(t, query+"&maxresults=1&marker="+url.QueryEscape(marker))
			if n := len(page.Folders) + len(page.Blobs); n > 1 {
				t.Errorf("got %d items in a page of one", n)
			}
			folders, blobs = append(folders, page.Folders...), append(blobs, page.names()...)
			marker = page.NextMarker
		}
		if !slices.Equal(folders, wantFolders) || !slices.Equal(blobs, []string{prefix + "b"}) {
			t.Errorf("got the folders %q and %q in pages, want %q and b", folders, blobs, wantFolders)
		}
	})
}

// A list shows what was stored and removed since the last one.
func TestListOfChanges(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	for _, step := range []struct {
		method, name string
		want         []string
	}{
		{http.MethodPut, "b", []string{"b"}},
		{http.MethodPut, "a", []string{"a", "b"}},
		{http.MethodPut, "a", []string{"a", "b"}},
		{http.MethodDelete, "b", []string{"a"}},
	} {
		on.must(t, step.method, step.name, "", nil, "")
		if got := on.list(t, "").names(); !slices.Equal(got, step.want) {
			t.Errorf("after %s %s: got %q, want %q", step.method, step.name, got, step.want)
		}
	}
	if got := service.Names("results"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q, want a", got)
	}
}

// A page has 5,000 blobs, and all pages together have each blob once.
func TestListOfManyBlobs(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	const blobs = 12_345
	want := make(map[string]bool, blobs)
	for i := range blobs {
		name := fmt.Sprintf("v1/shared/%d", i)
		want[name] = true
		if err := service.Put("results", name, azuretest.Blob{Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	names, next := regexp.MustCompile("<Name>([^<]+)</Name>"), regexp.MustCompile("<NextMarker>([^<]+)</NextMarker>")
	got := make(map[string]bool, blobs)
	pages := 0
	for marker, more := "", true; more; more = marker != "" {
		page := on.must(t, http.MethodGet, "", "restype=container&comp=list&marker="+url.QueryEscape(marker), nil, "").body
		for _, match := range names.FindAllStringSubmatch(page, -1) { // encoding/xml would take seconds
			got[match[1]] = true
		}
		marker = ""
		if match := next.FindStringSubmatch(page); match != nil {
			marker = match[1]
		}
		pages++
	}
	if pages != 3 || !maps.Equal(got, want) {
		t.Errorf("got %d blobs in %d pages, want %d in 3", len(got), pages, blobs)
	}
}

// A parameter that would change the list must not be ignored.
func TestRejectedLists(t *testing.T) {
	_, on := start(t, azuretest.Options{})
	for query, want := range map[string]string{
		"include=metadata,tags": "501 NotImplemented",
		"startFrom=a":           "501 NotImplemented",
		"marker=a":              "400 OutOfRangeQueryParameterValue",
		"maxresults=0":          "400 OutOfRangeQueryParameterValue",
		"maxresults=many":       "400 OutOfRangeQueryParameterValue",
	} {
		on.do(t, http.MethodGet, "", "restype=container&comp=list&"+query, nil, "").check(t, query, want)
	}
}
