package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBlobs changes blobs through the control paths and reads them with requests, and the
// other way round.
func TestBlobs(t *testing.T) {
	server := serve(t, "serve-blobs", "--port", "0", "--container", "results", "--requests", "10")
	blobs := server + "/-/blobs/results"
	const stored = `{"body":"Y29udGVudA==","metadata":{"sha256":"x"}}`
	for _, step := range []struct {
		method, url, body string
		status            int
		want              string
	}{
		{http.MethodGet, blobs, "", http.StatusOK, "[]"},
		{http.MethodPut, blobs + "/v1/a", stored, http.StatusOK, "null"},
		{http.MethodGet, blobs, "", http.StatusOK, `["v1/a"]`},
		{http.MethodGet, blobs + "/v1/a", "", http.StatusOK, stored},
		{http.MethodGet, server + "/devstoreaccount1/results/v1/a", "", http.StatusOK, "content"},
		{http.MethodPut, server + "/devstoreaccount1/results/v1/b", "x", http.StatusCreated, ""},
		{http.MethodGet, blobs + "/v1/b", "", http.StatusOK, `{"body":"eA==","metadata":{}}`},
		{http.MethodDelete, blobs + "/v1/a", "", http.StatusOK, "null"},
		{http.MethodGet, blobs + "/v1/a", "", http.StatusNotFound, "blob v1/a: not found"},
		{http.MethodPut, blobs + "/v1/c", `{"text": "x"}`, http.StatusBadRequest, `PUT /-/blobs/results/v1/c: json: unknown field "text"`},
		{http.MethodPut, server + "/-/blobs/missing/c", stored, http.StatusBadRequest, `there is no container "missing"`},
		{http.MethodPost, server + "/-/requests", "", http.StatusOK, `[{"method":"GET","path":"/devstoreaccount1/results/v1/a","status":200,"fault":""},` +
			`{"method":"PUT","path":"/devstoreaccount1/results/v1/b","status":201,"fault":""}]`},
		{http.MethodPost, server + "/-/requests", "", http.StatusOK, "[]"},
	} {
		if status, got := send(t.Context(), t, step.method, step.url, step.body); status != step.status || strings.TrimSpace(got) != step.want {
			t.Errorf("%s %s: got %d %s, want %d %s", step.method, step.url, status, got, step.status, step.want)
		}
	}
}

func TestFaults(t *testing.T) {
	server := serve(t, "serve-blobs", "--port", "0", "--container", "results", "--requests", "10")
	blob := server + "/devstoreaccount1/results/1"
	post := func(path string) {
		t.Helper()
		if status, got := send(t.Context(), t, http.MethodPost, server+"/-/faults"+path, ""); status != http.StatusOK {
			t.Errorf("%s: got %d %s", path, status, got)
		}
	}
	get := func(want int) {
		t.Helper()
		if status, _ := send(t.Context(), t, http.MethodGet, blob, ""); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	add := func(fault string) {
		t.Helper()
		control[map[string]int](t.Context(), t, http.MethodPost, server+"/-/faults", fault)
	}
	add(`{"Method": "GET", "Action": "fail", "Status": 503, "Times": 2}`)
	get(http.StatusServiceUnavailable)
	post("/1/remove")
	get(http.StatusNotFound)
	post("/1/restore")
	get(http.StatusServiceUnavailable)
	get(http.StatusNotFound)

	add(`{"Method": "GET", "Action": "hold"}`)
	done := make(chan int)
	go func() {
		status, _ := send(t.Context(), t, http.MethodGet, blob, "")
		done <- status
	}()
	if status, _ := send(t.Context(), t, http.MethodGet, server+"/-/faults/2/reached", ""); status != http.StatusOK {
		t.Errorf("got %d, want the number of held requests", status)
	}
	select {
	case status := <-done:
		t.Fatalf("got %d for a request that should be held", status)
	default:
	}
	post("/2/release")
	if status := <-done; status != http.StatusNotFound {
		t.Errorf("got %d after its release", status)
	}

	requests := control[[]notedRequest](t.Context(), t, http.MethodPost, server+"/-/requests", "")
	var got []string
	for _, request := range requests {
		got = append(got, string(request.Fault))
	}
	if want := []string{"fail", "", "fail", "", "hold"}; !slices.Equal(got, want) {
		t.Errorf("got the faults %q, want %q", got, want)
	}
	for path, want := range map[string]int{"/3/remove": http.StatusNotFound, "/x/release": http.StatusNotFound, "": http.StatusBadRequest} {
		if status, _ := send(t.Context(), t, http.MethodPost, server+"/-/faults"+path, `{"Moment": "GET"}`); status != want {
			t.Errorf("%s: got %d, want %d", path, status, want)
		}
	}
}

// A test process that is killed must not leave its storage behind.
func TestEndsWithStdin(t *testing.T) {
	args := []string{"serve-blobs", "--port", "0", "--stdin"}
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), args, read, io.Discard, io.Discard) }()
	select {
	case err := <-done:
		t.Fatalf("got %v before stdin ended", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
