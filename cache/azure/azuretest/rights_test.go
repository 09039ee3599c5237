package azuretest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

// by returns the target with the rights of one caller.
func (on target) by(query string) target {
	on.sas = query
	return on
}

func TestRights(t *testing.T) {
	const denied, overwrite = "403 AuthorizationPermissionMismatch", "403 UnauthorizedBlobOverwrite"
	readAndCreate := azuretest.Rights{Read: true, Create: true}
	below := azuretest.FullRights()
	below.WriteTo = []string{"pr/*/v1/*", "x?", "*aab"}
	service, on := start(t, azuretest.Options{})
	for caller, rights := range map[azuretest.Caller]azuretest.Rights{
		azuretest.SAS("rc+/="):     readAndCreate,
		azuretest.Bearer("rc"):     readAndCreate,
		azuretest.KeyOf("limited"): {Read: true},
		azuretest.Bearer("create"): {Create: true},
		azuretest.Bearer("below"):  below,
		azuretest.Bearer("none"):   {},
	} {
		service.Allow(caller, rights)
	}
	for _, test := range []struct {
		name, query                                 string
		header                                      header
		get, list, put, overwrite, block, remove    string
		properties, below, elsewhere, removeBesides string
	}{
		{name: "anybody", get: "200", list: "200", put: "201", overwrite: "201", block: "201", remove: "202", properties: "200"},
		{name: "another SAS", query: "sig=other", get: "200", list: "200", put: "201", overwrite: "201", block: "201", remove: "202", properties: "200"},
		{name: "SAS with rc", query: "sp=rc&sig=rc%2B%2F%3D", get: "200", list: denied, put: "201", overwrite: overwrite, block: denied, remove: denied, properties: denied},
		{name: "role that may add", header: header{"Authorization": "Bearer rc"}, get: "200", list: denied, put: "201", overwrite: denied, block: denied, remove: denied, properties: denied},
		{name: "key", header: header{"Authorization": "SharedKey limited:c2ln"}, get: "200", list: denied, put: denied, overwrite: denied, block: denied, remove: denied, properties: denied},
		{name: "role that may add only", header: header{"Authorization": "Bearer create"}, get: denied, list: denied, put: "201", overwrite: denied, block: denied, remove: denied, properties: denied},
		{name: "role with a condition", header: header{"Authorization": "Bearer below"}, get: "200", list: "200", put: denied, overwrite: denied, block: denied, remove: denied, properties: "200"},
		{name: "no permission", header: header{"Authorization": "Bearer none"}, get: denied, list: denied, put: denied, overwrite: denied, block: denied, remove: denied, properties: denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := fresh()
			on.must(t, http.MethodPut, name, "", nil, "content")
			on := on.by(test.query)
			on.do(t, http.MethodGet, name, "", test.header, "").check(t, "get", test.get)
			on.do(t, http.MethodHead, name, "", test.header, "").check(t, "head", test.get)
			on.do(t, http.MethodGet, "", "restype=container&comp=list", test.header, "").check(t, "list", test.list)
			on.do(t, http.MethodHead, "", "restype=container", test.header, "").check(t, "properties", test.properties)
			on.do(t, http.MethodPut, fresh(), "", test.header, "x").check(t, "put", test.put)
			on.do(t, http.MethodPut, name, "", test.header, "x").check(t, "overwrite", test.overwrite)
			on.do(t, http.MethodPut, name, "comp=block&blockid=AAAA", test.header, "x").check(t, "block", test.block)
			on.do(t, http.MethodPut, name, "comp=blocklist", test.header, blockList("Latest")).check(t, "list of blocks", test.block)
			on.do(t, http.MethodDelete, name, "", test.header, "").check(t, "delete", test.remove)
		})
	}

	t.Run("paths", func(t *testing.T) {
		send := header{"Authorization": "Bearer below"}
		for name, want := range map[string]string{
			"pr/7/v1/1": "201", "pr/a/b/v1/": "201", "xy": "201", "pr//v1/x": "201", "aaab": "201",
			"pr/v1/1": denied, "PR/7/v1/1": denied, "x": denied, "xyz": denied, "a/pr/7/v1/1": denied, "pr/7/v1": denied,
		} {
			on.do(t, http.MethodPut, name, "", send, "x").check(t, name, want)
			on.do(t, http.MethodPut, name, "comp=block&blockid=AAAA", send, "x").check(t, "block of "+name, want)
		}
	})

	// A create-only identity gets an error about its permissions, not about the blob.
	t.Run("overwrite on condition", func(t *testing.T) {
		on.must(t, http.MethodPut, "there", "", nil, "x")
		send := header{"If-None-Match": "*"}
		on.by("sig=rc%2B%2F%3D").do(t, http.MethodPut, "there", "", send, "y").check(t, "SAS", overwrite)
		send["Authorization"] = "Bearer rc"
		on.do(t, http.MethodPut, "there", "", send, "y").check(t, "role", denied)
	})

	t.Run("all others", func(t *testing.T) {
		service.Allow(azuretest.Caller{}, azuretest.Rights{Read: true})
		on.do(t, http.MethodPut, fresh(), "", nil, "x").check(t, "anybody", denied)
		on.by("sig=other").do(t, http.MethodPut, fresh(), "", nil, "x").check(t, "an unknown SAS", denied)
		on.do(t, http.MethodPut, fresh(), "", header{"Authorization": "Bearer create"}, "x").check(t, "one who has rights", "201")
	})
}

// The service rejects operations that it does not support, and malformed requests.
func TestRefused(t *testing.T) {
	_, on := start(t, azuretest.Options{})
	for _, test := range []struct {
		name, method, blob, query string
		send                      header
		want                      string
	}{
		{"page blob", http.MethodPut, "a", "", header{"x-ms-blob-type": "PageBlob"}, "501 NotImplemented"},
		{"no blob type", http.MethodPut, "a", "", header{"x-ms-blob-type": ""}, "400 MissingRequiredHeader"},
		{"tags", http.MethodPut, "a", "", header{"x-ms-tags": "a=b"}, "501 NotImplemented"},
		{"lease", http.MethodPut, "a", "", header{"x-ms-lease-id": "1"}, "501 NotImplemented"},
		{"framed body", http.MethodPut, "a", "", header{"x-ms-structured-body": "XSM/1.0; properties=crc64"}, "501 NotImplemented"},
		{"copy", http.MethodPut, "a", "", header{"x-ms-copy-source": "http://127.0.0.1/"}, "501 NotImplemented"},
		{"metadata", http.MethodPut, "a", "comp=metadata", nil, "501 NotImplemented"},
		{"snapshot", http.MethodGet, "a", "snapshot=2026-11-22", nil, "501 NotImplemented"},
		{"POST", http.MethodPost, "a", "", nil, "405 UnsupportedHttpVerb"},
		{"account", http.MethodGet, "", "comp=list", nil, "501 NotImplemented"},
		{"empty block", http.MethodPut, "a", "comp=block&blockid=AAAA", nil, "400 InvalidHeaderValue"},
		{"long ID", http.MethodPut, "a", "comp=block&blockid=" + strings.Repeat("A", 88), nil, "400 InvalidQueryParameterValue"},
		{"no XML", http.MethodPut, "a", "comp=blocklist", nil, "400 InvalidXmlDocument"},
	} {
		on.do(t, test.method, test.blob, test.query, test.send, "").check(t, test.name, test.want)
	}
	on.request(t, http.MethodGet, strings.Replace(on.account, azuretest.Account, azuretest.Account+"2", 1)+"/results/a", "", nil, "").
		check(t, "another account", "404 ResourceNotFound")
	on.request(t, http.MethodGet, on.account, "", nil, "").check(t, "no container", "501 NotImplemented")
	if got := on.list(t, "").names(); len(got) != 0 {
		t.Errorf("got the blobs %q, want none", got)
	}
}
