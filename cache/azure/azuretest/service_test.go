package azuretest_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

func TestStats(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	on.must(t, http.MethodPut, "a", "", nil, "0123456789")
	on.must(t, http.MethodPut, "a", "", nil, "01234")
	on.do(t, http.MethodPut, "a", "", header{"If-None-Match": "*"}, "012")
	on.must(t, http.MethodPut, "b", "comp=block&blockid=AAAA", nil, "0123")
	on.must(t, http.MethodGet, "a", "", header{"x-ms-range": "bytes=1-2"}, "")
	on.must(t, http.MethodHead, "a", "", nil, "")
	want := azuretest.Stats{Gets: 1, Puts: 2, Heads: 1, Others: 2, BytesIn: 22, Blobs: 1, BytesStored: 5, Connections: 1}
	got := service.Stats()
	want.BytesOut = got.BytesOut
	if got != want || got.BytesOut < 2 || got.BytesOut > 1000 { // the bytes include an error
		t.Errorf("got %+v, want %+v", got, want)
	}
	service.Reset()
	if got := service.Stats(); got != (azuretest.Stats{}) {
		t.Errorf("after the reset: got %+v, want nothing", got)
	}
	on.do(t, http.MethodGet, "a", "", nil, "").check(t, "after the reset", "404 BlobNotFound")
	on.do(t, http.MethodPut, "b", "comp=blocklist", nil, blockList("Latest", "AAAA")).check(t, "blocks after the reset", "400 InvalidBlockList")
	if got := service.Stats(); got.Gets != 1 || got.Connections != 1 {
		t.Errorf("got %+v, want one request on the same connection", got)
	}
}

func TestWaitForPuts(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	const puts = 3
	done := make(chan error)
	go func() { done <- service.WaitForPuts(t.Context(), puts) }()
	for i := range puts {
		select {
		case err := <-done:
			t.Fatalf("got %v after %d puts", err, i)
		default:
		}
		on.must(t, http.MethodPut, fresh(), "", nil, "x")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := service.WaitForPuts(ctx, puts+1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestRequests(t *testing.T) {
	service, on := start(t, azuretest.Options{Account: "nxcache"})
	on.account = strings.Replace(on.account, azuretest.Account, "nxcache", 1)
	on.must(t, http.MethodPut, "a b", "", header{"x-ms-meta-format": "1"}, "x")
	on.do(t, http.MethodGet, "c", "sig=1", header{"x-ms-range": "bytes=0-1"}, "")
	got := service.TakeRequests()
	if len(got) != 2 {
		t.Fatalf("got %+v, want two requests", got)
	}
	if r := got[0]; r.Method != http.MethodPut || r.Path != "/nxcache/results/a b" || r.Status != http.StatusCreated || r.Header.Get("x-ms-meta-format") != "1" {
		t.Errorf("got %+v, want the put", r)
	}
	if r := got[1]; r.Method != http.MethodGet || r.Query != "sig=1" || r.Range != "bytes=0-1" || r.Status != http.StatusNotFound {
		t.Errorf("got %+v, want the get", r)
	}
	for range 1000 {
		on.do(t, http.MethodHead, "x", "", nil, "")
	}
	on.do(t, http.MethodGet, "last", "", nil, "")
	if got := service.Requests(); len(got) < 100 || len(got) > 200 || got[len(got)-1].Path != "/nxcache/results/last" {
		t.Errorf("got %d requests, want the last hundred or some more", len(got))
	}
}

func TestContents(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	if err := service.Put("results", "a", azuretest.Blob{Body: []byte("content"), Metadata: http.Header{"format": {"1"}}}); err != nil {
		t.Fatal(err)
	}
	if err := service.Put("missing", "a", azuretest.Blob{}); err == nil {
		t.Error("got no error for a missing container")
	}
	got := on.must(t, http.MethodGet, "a", "", nil, "")
	b, ok := service.Blob("results", "a")
	if got.body != "content" || got.header.Get("x-ms-meta-format") != "1" || !ok || b.ETag != got.header.Get("ETag") ||
		!bytes.Equal(b.Body, []byte("content")) || b.Metadata.Get("format") != "1" {
		t.Errorf("got %q with %v, and %+v, want the stored blob", got.body, got.header, b)
	}
	b.Body[0] = 'X' // a copy
	if got := on.must(t, http.MethodGet, "a", "", nil, "").body; got != "content" {
		t.Errorf("got %q, want the stored blob", got)
	}
	service.Remove("results", "a")
	if _, ok := service.Blob("results", "a"); ok {
		t.Error("the blob still exists")
	}
}

// The service responds in the version that the client requests.
func TestVersion(t *testing.T) {
	_, on := start(t, azuretest.Options{})
	got := on.do(t, http.MethodGet, "a", "", header{"x-ms-version": "2026-12-06", "x-ms-client-request-id": "mine"}, "")
	if got.header.Get("x-ms-version") != "2026-12-06" || got.header.Get("x-ms-client-request-id") != "mine" {
		t.Errorf("got %v, want the version and the ID of the request", got.header)
	}
}

// Of several concurrent puts, one succeeds.
func TestConcurrentPuts(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	const writers = 16
	statuses := make(chan int, writers)
	for range writers {
		go func() {
			statuses <- on.do(t, http.MethodPut, "a", "", header{"If-None-Match": "*"}, "content").status
		}()
	}
	var stored int
	for range writers {
		if status := <-statuses; status == http.StatusCreated {
			stored++
		} else if status != http.StatusConflict {
			t.Errorf("got %d, want %d", status, http.StatusConflict)
		}
	}
	if got := service.Stats(); stored != 1 || got.Puts != 1 || got.Others != writers-1 {
		t.Errorf("%d puts stored, and %+v; want one", stored, got)
	}
}

// After Close, requests fail and none of them hangs.
func TestClose(t *testing.T) {
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	on := target{account: server.URL + "/" + azuretest.Account, container: "results"}
	fault := service.AddFault(faults.Fault{Action: faults.Hold})
	done := make(chan error)
	go func() {
		_, err := on.try(t.Context(), t, http.MethodGet, "a", "")
		done <- err
	}()
	<-fault.Reached()
	server.Close()
	if err := <-done; err == nil {
		t.Error("got a response after Close")
	}
	if _, err := on.try(t.Context(), t, http.MethodGet, "a", ""); err == nil {
		t.Error("got a response after Close")
	}
}
