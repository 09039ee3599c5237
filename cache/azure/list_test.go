package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// listed returns the blobs below a prefix until the first error.
func listed(ctx context.Context, c *azure.Container, prefix string) (blobs []azure.Properties, err error) {
	for blob, err := range c.List(ctx, prefix) {
		if err != nil {
			return blobs, err
		}
		blobs = append(blobs, blob)
	}
	return blobs, nil
}

func folders(ctx context.Context, c *azure.Container, prefix string) (names []string, err error) {
	for name, err := range c.Folders(ctx, prefix) {
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// manage stores blobs, and reads their properties, lists and deletes them.
func manage(t *testing.T, c *azure.Container) {
	t.Helper()
	prefix := fresh() + "/"
	names := []string{"a", "b & <c>/1", "b & <c>/2", "d/ä?%2F"}
	for _, name := range names {
		metadata := cache.Metadata{"name": "x & <y>", "etag": "not it", "blob": "1"} // names of elements
		if err := c.Put(t.Context(), prefix+name, strings.NewReader(name), metadata); err != nil {
			t.Fatal(err)
		}
	}
	all, err := listed(t.Context(), c, prefix)
	if err != nil || len(all) != len(names) {
		t.Fatalf("got %v, %v; want %q", all, err, names)
	}
	for i, got := range all {
		there, err := c.Properties(t.Context(), prefix+names[i])
		if err != nil || there.Name != prefix+names[i] || there.Size != int64(len(names[i])) || time.Since(there.Modified).Abs() > time.Minute {
			t.Errorf("got %+v, %v; want %q of %d bytes, made now", there, err, names[i], len(names[i]))
		}
		if got.Name != there.Name || got.Size != there.Size || got.ETag != there.ETag || !got.Modified.Equal(there.Modified) ||
			!maps.Equal(got.Metadata, there.Metadata) || got.Metadata["name"] != "x & <y>" {
			t.Errorf("listed: %+v, looked at: %+v; want the same", got, there)
		}
	}
	if got, err := folders(t.Context(), c, prefix); err != nil || !slices.Equal(got, []string{prefix + "b & <c>/", prefix + "d/"}) {
		t.Errorf("got the folders %q, %v; want two", got, err)
	}

	if err := c.Delete(t.Context(), all[0].Name, `"0x8DE000000000001"`); !errors.Is(err, azure.ErrChanged) {
		t.Errorf("delete with another ETag: got %v, want %v", err, azure.ErrChanged)
	}
	if err := c.Delete(t.Context(), all[0].Name, all[0].ETag); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.Delete(t.Context(), all[1].Name, ""); err != nil {
		t.Errorf("delete of any: %v", err)
	}
	if err := c.Delete(t.Context(), all[0].Name, ""); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("delete of a missing blob: got %v, want %v", err, cache.ErrNotFound)
	}
	if _, err := c.Properties(t.Context(), all[0].Name); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("properties of a missing blob: got %v, want %v", err, cache.ErrNotFound)
	}
	if left, err := listed(t.Context(), c, prefix); err != nil || len(left) != 2 {
		t.Errorf("got %v, %v; want the other two", left, err)
	}
	if none, err := listed(t.Context(), c, fresh()); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v; want nothing", none, err)
	}
}

func TestManage(t *testing.T) {
	service, text := startService(t)
	t.Run("account key", func(t *testing.T) { manage(t, openService(t, text)) })
	t.Run("SAS", func(t *testing.T) {
		manage(t, open(t, azure.Options{Container: "results", ConnectionString: sasFor(text, "all")}))
	})
	t.Run("token", func(t *testing.T) { manage(t, startTLSService(t, azuretest.FullRights())) })
	// The service got no other request, in particular none about the container.
	for _, r := range service.Requests() {
		if r.Path == "/devstoreaccount1/results" && !strings.Contains(r.Query, "comp=list") {
			t.Errorf("got %s %s?%s, want lists only", r.Method, r.Path, r.Query)
		}
		if r.Method == http.MethodDelete && r.Header.Get("x-ms-delete-snapshots") != "include" {
			t.Errorf("got a delete of %s that would fail if it had snapshots", r.Path)
		}
	}
}

func TestAzuriteManage(t *testing.T) {
	text, container := cachetest.Azurite(t)
	t.Run("account key", func(t *testing.T) {
		manage(t, open(t, azure.Options{Container: container, ConnectionString: endpoint.Secret(text)}))
	})
	t.Run("SAS with sp=rcdl", func(t *testing.T) {
		manage(t, open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "rcdl")}))
	})
}

// Azure rejects what a run's identity may not do, and the error names the missing
// permission.
func TestManageWithoutPermission(t *testing.T) {
	c := startTLSService(t, azuretest.Rights{Read: true, Create: true})
	if err := put(t, c, "v1/trusted/1", "content"); err != nil {
		t.Fatal(err)
	}
	const role = `the identity lacks a data role that can `
	withoutRights(t, c, role+`list blobs in the container "results"`, role+`delete blobs in the container "results"`)
}

func TestAzuriteManageWithoutPermission(t *testing.T) {
	text, container := cachetest.Azurite(t)
	withoutRights(t, open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "rc")}),
		`has the permissions sp=rc but lacks "l"`, `has the permissions sp=rc but lacks "d"`)
}

func withoutRights(t *testing.T, c *azure.Container, list, remove string) {
	t.Helper()
	_, listing := listed(t.Context(), c, "v1/")
	_, looking := folders(t.Context(), c, "v1/")
	for what, test := range map[string]struct {
		err   error
		right string
	}{
		"list":    {listing, list},
		"folders": {looking, list},
		"delete":  {c.Delete(t.Context(), "v1/trusted/1", ""), remove},
	} {
		if outcomeOf(test.err) != configError || !strings.Contains(test.err.Error(), "AuthorizationPermissionMismatch") || !strings.Contains(test.err.Error(), test.right) {
			t.Errorf("%s: got %v, want a %s that names %s", what, test.err, configError, test.right)
		}
	}
}

func TestManageWithoutTheContainer(t *testing.T) {
	_, text := startService(t)
	c := open(t, azure.Options{Container: "missing", ConnectionString: endpoint.Secret(text)})
	_, listing := listed(t.Context(), c, "")
	_, looking := c.Properties(t.Context(), "a")
	for what, err := range map[string]error{"list": listing, "inspect": looking, "delete": c.Delete(t.Context(), "a", "")} {
		if outcomeOf(err) != configError || !strings.Contains(err.Error(), `"missing"`) {
			t.Errorf("%s: got %v, want a %s that names it", what, err, configError)
		}
	}
}

// Each page has 5,000 blobs, and is requested when it is needed.
func TestListPages(t *testing.T) {
	service, text := startService(t)
	const blobs = 12_345
	for i := range blobs {
		if err := service.Put("results", fmt.Sprintf("v1/trusted/%05d", i), azuretest.Blob{Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	c := openService(t, text)
	got, pages := 0, []int{}
	for blob, err := range c.List(t.Context(), "v1/") {
		if want := fmt.Sprintf("v1/trusted/%05d", got); err != nil || blob.Name != want {
			t.Fatalf("got %q, %v; want %q", blob.Name, err, want)
		}
		if got%5000 == 0 {
			pages = append(pages, len(service.TakeRequests()))
		}
		got++
	}
	if got != blobs || !slices.Equal(pages, []int{1, 1, 1}) || len(service.Requests()) != 0 {
		t.Errorf("got %d blobs with requests %v and %d at the end, want %d and one for each page", got, pages, len(service.Requests()), blobs)
	}
	service.TakeRequests()
	all := c.List(t.Context(), "v1/")
	for range 2 { // it begins again
		first := true
		for blob, err := range all {
			if first && (err != nil || blob.Name != "v1/trusted/00000") {
				t.Errorf("got %q, %v; want the first", blob.Name, err)
			}
			if !first {
				break
			}
			first = false
		}
	}
	if got := service.Requests(); len(got) != 2 {
		t.Errorf("got %d requests for one page twice, want 2", len(got))
	}
}

// A page that breaks off is requested again, and no blob is returned twice.
func TestListEndsEarly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		times int
		want  outcome
	}{{2, success}, {3, plain}} {
		service, text := startService(t)
		for i := range 10 {
			if err := service.Put("results", fmt.Sprint(i), azuretest.Blob{}); err != nil {
				t.Fatal(err)
			}
		}
		service.AddFault(faults.Fault{Method: http.MethodGet, Times: test.times, Action: faults.EndBody, After: 3000})
		got, err := listed(t.Context(), openService(t, text), "")
		if outcomeOf(err) != test.want || test.want == success && len(got) != 10 || test.want != success && len(got) != 0 {
			t.Errorf("%d times: got %d blobs, %v; want %s", test.times, len(got), err, test.want)
		}
	}
}

// A SAS stays secret even if the response is not the storage's.
func TestResponsesThatAreNotLists(t *testing.T) {
	const root = `<?xml version="1.0"?><EnumerationResults>`
	for name, body := range map[string]string{
		"nothing":            "",
		"HTML":               "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>",
		"HTML without type":  "<html><body></body></html>",
		"another document":   "<Error><Code>x</Code></Error>",
		"text":               "welcome",
		"an entity":          root + "<Blobs><Blob><Name>&secret;</Name></Blob></Blobs></EnumerationResults>",
		"a broken reference": root + "<Blobs><Blob><Name>&#xZZ;</Name></Blob></Blobs></EnumerationResults>",
		"an open reference":  root + "<Blobs><Blob><Name>& </Name></Blob></Blobs></EnumerationResults>",
		"CDATA":              root + "<![CDATA[x]]></EnumerationResults>",
		"overlapping tags":   root + "<Blobs></EnumerationResults></Blobs>",
		"deep":               root + strings.Repeat("<a>", 20),
		"a long text":        root + strings.Repeat("a", 100_000) + "</EnumerationResults>",
		"no size": root + "<Blobs><Blob><Properties><Content-Length>many</Content-Length></Properties></Blob></Blobs>" +
			"</EnumerationResults>",
		"no time": root + "<Blobs><Blob><Properties><Last-Modified>soon</Last-Modified></Properties></Blob></Blobs>" +
			"</EnumerationResults>",
		"a blob without name": root + "<Blobs><Blob><Name>a</Name></Blob><Blob></Blob></Blobs></EnumerationResults>",
		"no name":             root + `<Blobs><Blob><Name Encoded="true">%ZZ</Name></Blob></Blobs></EnumerationResults>`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
			text := "BlobEndpoint=" + s.URL + ";SharedAccessSignature=sv=2025-11-05&sig=TOPSECRET"
			c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(text)})
			blobs, err := listed(t.Context(), c, "v1/")
			want, says := plain, "not a list of blobs"
			if strings.HasPrefix(name, "HTML") {
				want, says = configError, "something else responded in its place (an HTML page)"
			}
			if outcomeOf(err) != want || len(blobs) != 0 || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "TOPSECRET") {
				t.Errorf("got %v, %v; want an error that it is not a list", blobs, err)
			}
			if got := s.seen(); len(got) != 1 || !strings.Contains(got[0].query, "sig=TOPSECRET") || got[0].path != "/results" {
				t.Errorf("got %+v, want one list", got)
			}
		})
	}
}

// Only names that XML cannot contain are percent-encoded.
func TestListOddNames(t *testing.T) {
	service, text := startService(t)
	names := []string{"v1/trusted/\x1b[31m\x01%41", "v1/trusted/%41+ <&>\"'", "v1/trusted/\u202eä\u0085"}
	for _, name := range names {
		if err := service.Put("results", name, azuretest.Blob{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := listed(t.Context(), openService(t, text), "v1/")
	var all []string
	for _, blob := range got {
		all = append(all, blob.Name)
	}
	if slices.Sort(names); err != nil || !slices.Equal(all, names) {
		t.Errorf("got %q, %v; want %q", all, err, names)
	}
	for _, name := range names {
		if err := openService(t, text).Delete(t.Context(), name, ""); err != nil {
			t.Errorf("delete %q: %v", name, err)
		}
	}
}

// The query is signed as it is sent.
func TestListOfOddPrefixes(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>")
	})
	if _, err := listed(t.Context(), s.container(t), "a b+c&d/"); err != nil {
		t.Fatal(err)
	}
	got := s.seen()[0]
	query, err := url.ParseQuery(got.query)
	if err != nil || query.Get("prefix") != "a b+c&d/" || query.Get("maxresults") != "5000" || query.Get("include") != "metadata" || strings.Contains(got.query, "+") {
		t.Errorf("got %q, want a list of the prefix", got.query)
	}
}

// The first error ends a list, and so does the end of its context.
func TestListEnds(t *testing.T) {
	service, text := startService(t)
	for i := range 5001 {
		if err := service.Put("results", fmt.Sprint(i), azuretest.Blob{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blobs, errs := 0, 0
	for _, err := range openService(t, text).List(ctx, "") {
		if cancel(); err == nil {
			blobs++
		} else if errs++; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
	if blobs != 5000 || errs != 1 {
		t.Errorf("got %d blobs and %d errors, want a page and one", blobs, errs)
	}
}
