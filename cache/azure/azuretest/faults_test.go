package azuretest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// try sends a request that may fail.
func (on target) try(ctx context.Context, t *testing.T, method, name, body string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, on.account+"/"+on.container+"/"+name, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	r.GetBody = nil // or the client would retry by itself
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err == nil {
		t.Cleanup(func() { _ = answer.Body.Close() })
	}
	return answer, err
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestFail(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	on.must(t, http.MethodPut, "a", "", nil, "content")
	service.AddFault(faults.Fault{
		Method: http.MethodGet, Blob: "a*", Times: 2,
		Action: faults.Fail, Status: http.StatusServiceUnavailable, Code: "ServerBusy", RetryAfter: 1500 * time.Millisecond,
	})
	on.do(t, http.MethodHead, "a", "", nil, "").check(t, "another method", "200")
	on.do(t, http.MethodGet, "b", "", nil, "").check(t, "another blob", "404 BlobNotFound")
	for range 2 {
		got := on.do(t, http.MethodGet, "a", "", nil, "")
		got.check(t, "get", "503 ServerBusy")
		if got := got.header.Get("Retry-After"); got != "2" {
			t.Errorf("got Retry-After %q, want 2, rounded up", got)
		}
	}
	on.do(t, http.MethodGet, "a", "", nil, "").check(t, "get, after its times", "200")

	fault := service.AddFault(faults.Fault{Method: http.MethodPut, Action: faults.Fail, Status: http.StatusBadGateway})
	for range 3 {
		got := on.do(t, http.MethodPut, "a", "", nil, "changed")
		got.check(t, "as from a proxy", "502")
		if got.header.Get("Retry-After") != "" {
			t.Errorf("got %v, want no Retry-After", got.header)
		}
	}
	fault.Remove()
	if got := on.must(t, http.MethodGet, "a", "", nil, "").body; got != "content" {
		t.Errorf("got %q, want the earlier content", got)
	}
	on.do(t, http.MethodPut, "a", "", nil, "changed").check(t, "put, without the fault", "201")
}

// A fault that is suspended can be restored unchanged.
func TestRestore(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	fault := service.AddFault(faults.Fault{Times: 2, Action: faults.Fail, Status: http.StatusInternalServerError})
	fault.Restore() // it is already in force
	get := func(want string) { on.do(t, http.MethodGet, "a", "", nil, "").check(t, "get", want) }
	get("500")
	fault.Remove()
	get("404 BlobNotFound")
	fault.Restore()
	get("500")
	get("404 BlobNotFound")
	fault.Restore() // it is used up
	get("404 BlobNotFound")
}

func TestFaultsOfRanges(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	on.must(t, http.MethodPut, "a", "", nil, "0123456789")
	service.AddFault(faults.Fault{Range: "bytes=4-*", Times: 1, Action: faults.Fail, Status: http.StatusInternalServerError})
	on.do(t, http.MethodGet, "a", "", header{"x-ms-range": "bytes=0-3"}, "").check(t, "another", "206")
	on.do(t, http.MethodGet, "a", "", header{"x-ms-range": "bytes=4-7"}, "").check(t, "the range", "500")
	on.do(t, http.MethodGet, "a", "", header{"x-ms-range": "bytes=4-7"}, "").check(t, "again", "206")
}

func TestResetAndLose(t *testing.T) {
	for _, test := range []struct {
		action faults.Action
		stored bool
	}{{faults.Reset, false}, {faults.Lose, true}} {
		t.Run(string(test.action), func(t *testing.T) {
			service, on := start(t, azuretest.Options{})
			service.AddFault(faults.Fault{Action: test.action, Times: 1})
			if _, err := on.try(t.Context(), t, http.MethodPut, "a", "content"); !isReset(err) {
				t.Errorf("got %v, want a reset", err)
			}
			if _, stored := service.Blob("results", "a"); stored != test.stored {
				t.Errorf("got a blob: %t, want %t", stored, test.stored)
			}
			got := service.TakeRequests()
			if len(got) != 1 || got[0].Fault != test.action {
				t.Errorf("got %+v, want one request and its fault", got)
			}
		})
	}
}

// If a connection uses TLS, the TCP connection below it is reset.
func TestResetOverTLS(t *testing.T) {
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
	server := httptest.NewTLSServer(service)
	defer server.Close()
	url := server.URL + "/" + azuretest.Account + "/results/a"
	service.AddFault(faults.Fault{Action: faults.Reset})
	for range 3 {
		answer, err := server.Client().Get(url)
		if err == nil {
			_ = answer.Body.Close()
		}
		if !isReset(err) {
			t.Errorf("got %v, want a reset", err)
		}
	}
}

func TestBrokenBodies(t *testing.T) {
	const size, after = 3 << 20, 1 << 20
	content := strings.Repeat("x", size)
	for _, action := range []faults.Action{faults.ResetBody, faults.EndBody} {
		t.Run(string(action), func(t *testing.T) {
			service, on := start(t, azuretest.Options{})
			on.must(t, http.MethodPut, "a", "", nil, content)
			on.must(t, http.MethodPut, "short", "", nil, content[:after])
			service.AddFault(faults.Fault{Action: action, After: after})
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				on.do(t, method, "short", "", nil, "").check(t, method+" of a short one", "200")
			}
			on.do(t, http.MethodPut, "short", "", nil, content[:after]).check(t, "put of a short one", "201")

			answer, err := on.try(t.Context(), t, http.MethodGet, "a", "")
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, answer.Body)
			if answer.ContentLength != size || n > after {
				t.Errorf("got %d of %d bytes, want no more than %d of %d", n, answer.ContentLength, after, size)
			}
			if action == faults.ResetBody && !isReset(err) {
				t.Errorf("got %v, want a reset", err)
			}
			if action == faults.EndBody && (!errors.Is(err, io.ErrUnexpectedEOF) || n != after) {
				t.Errorf("got %d bytes and %v, want %d and %v", n, err, after, io.ErrUnexpectedEOF)
			}

			if answer, err := on.try(t.Context(), t, http.MethodPut, "b", content); err == nil {
				t.Errorf("got %s of a put, want an error", answer.Status)
			}
			if _, stored := service.Blob("results", "b"); stored {
				t.Error("the broken put has stored a blob")
			}
		})
	}
}

func TestHold(t *testing.T) {
	service, on := start(t, azuretest.Options{})
	fault := service.AddFault(faults.Fault{Method: http.MethodPut, Action: faults.Hold})
	done := make(chan response, 2)
	for range cap(done) {
		go func() { done <- on.do(t, http.MethodPut, fresh(), "", nil, "content") }()
		<-fault.Reached()
	}
	if got := service.Names("results"); len(got) != 0 {
		t.Errorf("got %q before the release, want nothing", got)
	}
	select {
	case got := <-done:
		t.Errorf("got %d before the release", got.status)
	default:
	}
	fault.Release()
	fault.Release() // a second release is allowed
	for range cap(done) {
		(<-done).check(t, "put", "201")
	}
	on.do(t, http.MethodPut, fresh(), "", nil, "content").check(t, "after the release", "201")
	for _, request := range service.Requests()[:2] {
		if request.Fault != faults.Hold || request.Status != http.StatusCreated {
			t.Errorf("got %+v, want one request that was held and got a response", request)
		}
	}
}

func TestHoldForATime(t *testing.T) {
	const pause = 50 * time.Millisecond
	service, on := start(t, azuretest.Options{})
	service.AddFault(faults.Fault{Method: http.MethodPut, Action: faults.Hold, For: pause})
	begin := time.Now()
	on.do(t, http.MethodPut, "a", "", nil, "content").check(t, "put", "201")
	if took := time.Since(begin); took < pause {
		t.Errorf("the response came after %s, want it after %s", took, pause)
	}
}

// A request that is held when its client disconnects changes nothing.
func TestHoldOfADisconnectedClient(t *testing.T) {
	service, _ := start(t, azuretest.Options{})
	fault := service.AddFault(faults.Fault{Action: faults.Hold})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-fault.Reached()
		cancel()
	}()
	r := httptest.NewRequestWithContext(ctx, http.MethodPut, "/"+azuretest.Account+"/results/a", strings.NewReader("x"))
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	service.ServeHTTP(httptest.NewRecorder(), r)
	if got := service.Names("results"); len(got) != 0 || service.Requests()[0].Status != 0 {
		t.Errorf("got %q and %+v, want nothing stored and no response", got, service.Requests())
	}
}

func TestStall(t *testing.T) {
	const after = 1000
	service, on := start(t, azuretest.Options{})
	on.must(t, http.MethodPut, "a", "", nil, strings.Repeat("x", 10_000))
	fault := service.AddFault(faults.Fault{Action: faults.StallBody, After: after})
	answer, err := on.try(t.Context(), t, http.MethodGet, "a", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, after); err != nil {
		t.Errorf("got %v, want %d bytes", err, after)
	}
	more := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, answer.Body)
		more <- n
	}()
	select {
	case n := <-more:
		t.Errorf("got the end after %d more bytes before the release", n)
	default:
	}
	fault.Release()
	if n := <-more; n != 0 {
		t.Errorf("got %d more bytes, want none", n)
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
		ask := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			service.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+azuretest.Account+"/results/a", nil))
			return w
		}
		service.Throttle(3, 0)
		for second := range 2 {
			for i := range 5 {
				w := ask()
				want := map[bool]string{true: "BlobNotFound", false: "ServerBusy"}[i < 3]
				if got := w.Header().Get("X-Ms-Error-Code"); got != want || w.Header().Get("Retry-After") != "" {
					t.Errorf("second %d, request %d: got %s with %v, want %s", second, i, got, w.Header(), want)
				}
			}
			time.Sleep(time.Second)
		}
		service.Throttle(1, 3*time.Second)
		ask()
		if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "3" {
			t.Errorf("got %d with %v, want 503 and Retry-After 3", w.Code, w.Header())
		}
		service.Throttle(0, 0)
		for range 100 {
			if w := ask(); w.Code != http.StatusNotFound {
				t.Fatalf("got %d without a limit", w.Code)
			}
		}
	})
}
