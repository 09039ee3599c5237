package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

func replaceURL(text, url string) string { return strings.ReplaceAll(text, "URL", url) }

// Get and Put are one request each, so an identity that may read and create is enough.
func TestGetIsOneRequest(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-meta-sha256", "abc") // arrives as X-Ms-Meta-Sha256
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, "content")
	})
	blob, err := s.container(t).Get(t.Context(), "team/v1/shared/123")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(blob.Body)
	if err != nil || string(content) != "content" {
		t.Errorf("got %q, %v; want %q", content, err, "content")
	}
	if err := blob.Body.Close(); err != nil {
		t.Error(err)
	}
	if blob.Size != 7 || blob.Metadata["sha256"] != "abc" {
		t.Errorf("got size %d and metadata %v, want 7 and sha256", blob.Size, blob.Metadata)
	}
	requests := s.seen()
	if len(requests) != 1 {
		t.Fatalf("got %d requests, want 1: %v", len(requests), requests)
	}
	r := requests[0]
	if r.method != http.MethodGet || r.path != "/account/results/team/v1/shared/123" || r.query != "" {
		t.Errorf("got %s %s?%s, want one Get Blob", r.method, r.path, r.query)
	}
	if got := r.header.Get("User-Agent"); !strings.HasPrefix(got, "nx-azure-cache ") {
		t.Errorf("got User-Agent %q, want one that begins with our name", got)
	}
}

func TestPutIsOneRequest(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 6 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
			content := strings.Repeat("x", size)
			err := s.container(t).Put(t.Context(), "team/v1/shared/123", strings.NewReader(content),
				cache.Metadata{"format": "1", "sha256": "abc"})
			if err != nil {
				t.Fatal(err)
			}
			requests := s.seen()
			if len(requests) != 1 {
				t.Fatalf("got %d requests, want 1", len(requests))
			}
			r := requests[0]
			if r.method != http.MethodPut || r.path != "/account/results/team/v1/shared/123" || r.query != "" {
				t.Errorf("got %s %s?%s, want one Put Blob", r.method, r.path, r.query)
			}
			if r.body != content {
				t.Errorf("got a body of %d bytes, want the %d", len(r.body), size)
			}
			for name, want := range map[string]string{
				"If-None-Match":    "*",
				"X-Ms-Blob-Type":   "BlockBlob",
				"X-Ms-Meta-Format": "1",
				"X-Ms-Meta-Sha256": "abc",
				"Content-Length":   fmt.Sprint(size),
				// Each of these headers needs a permission that runs do not have.
				"X-Ms-Tags":                     "",
				"X-Ms-Lease-Id":                 "",
				"X-Ms-Access-Tier":              "",
				"X-Ms-Immutability-Policy-Mode": "",
			} {
				if got := r.header.Get(name); got != want {
					t.Errorf("got %s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestReplaceIsOneRequest(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	body := strings.NewReader("content")
	if _, err := body.Seek(3, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	err := s.container(t).Replace(t.Context(), "v1/shared/123", `"0x8D"`, body, cache.Metadata{"format": "1"})
	if err != nil {
		t.Fatal(err)
	}
	requests := s.seen()
	if len(requests) != 1 {
		t.Fatalf("got %d requests, want 1", len(requests))
	}
	r := requests[0]
	if r.method != http.MethodPut || r.path != "/account/results/v1/shared/123" || r.query != "" || r.body != "content" {
		t.Errorf("got %s %s?%s with %q, want one Put Blob of the whole", r.method, r.path, r.query, r.body)
	}
	for name, want := range map[string]string{
		"If-Match": `"0x8D"`, "If-None-Match": "", "X-Ms-Blob-Type": "BlockBlob", "X-Ms-Meta-Format": "1",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("got %s: %q, want %q", name, got, want)
		}
	}
}

func TestOpenSendsNothing(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { fail(w, 500, "") })
	s.container(t)
	if got := s.seen(); len(got) != 0 {
		t.Errorf("got %v, want no request", got)
	}
}

func TestServerRecovers(t *testing.T) {
	flaky := func(status int) func(n int, w http.ResponseWriter, r *http.Request) {
		return func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 0 {
				fail(w, http.StatusServiceUnavailable, "ServerBusy")
				return
			}
			w.WriteHeader(status)
		}
	}
	t.Run("get", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, flaky(http.StatusOK))
		if _, err := get(t, s.container(t), "a"); err != nil {
			t.Error(err)
		}
		if got := len(s.seen()); got != 2 {
			t.Errorf("got %d requests, want 2", got)
		}
	})
	t.Run("put", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, flaky(http.StatusCreated))
		if err := put(t, s.container(t), "a", "content"); err != nil {
			t.Error(err)
		}
		for i, r := range s.seen() {
			if r.body != "content" || r.header.Get("If-None-Match") != "*" {
				t.Errorf("try %d: got body %q with If-None-Match %q, want the same each time", i, r.body, r.header.Get("If-None-Match"))
			}
		}
		if got := len(s.seen()); got != 2 {
			t.Errorf("got %d requests, want 2", got)
		}
	})
}

// hangUp closes the connection of a request.
func hangUp(t *testing.T, w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close() // as the test intends
}

// The first try stored the blob, but its response was lost.
func TestLostResponseOfPut(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
	}{
		{409, "BlobAlreadyExists"},
		{403, "UnauthorizedBlobOverwrite"}, // to an identity that may only create (azure-cli#19203)
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 0 {
					hangUp(t, w)
					return
				}
				fail(w, test.status, test.code)
			})
			if err := put(t, s.container(t), "a", "content"); !errors.Is(err, cache.ErrExists) {
				t.Errorf("got %v, want %v", err, cache.ErrExists)
			}
			if got := s.seen(); len(got) != 2 || got[0].body != "content" {
				t.Errorf("got %d requests, want 2, the first of them complete", len(got))
			}
		})
	}
}

func TestBodyThatCannotBeRewound(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		code   string
		want   outcome
	}{
		{"another blob is there now", 412, "ConditionNotMet", notFound},
		{"the blob is gone", 404, "BlobNotFound", notFound},
		{"the rights are gone", 403, "AuthenticationFailed", configError},
		{"the server is gone", 500, "InternalError", plain},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n > 0 {
					fail(w, test.status, test.code)
					return
				}
				w.Header().Set("ETag", `"1"`)
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, "the beginning")
				_ = http.NewResponseController(w).Flush()
				hangUp(t, w)
			})
			blob, err := s.container(t).Get(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(blob.Body)
			if got := outcomeOf(err); got != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
			if string(content) != "the beginning" {
				t.Errorf("got %q before the error, want %q", content, "the beginning")
			}
		})
	}
}

// closedPort returns the URL of a port without a listener.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

func TestRefusedConnection(t *testing.T) {
	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(closedPort(t)))})
	begin := time.Now()
	_, err := get(t, c, "a")
	if got := outcomeOf(err); got != plain {
		t.Errorf("get: got %s (%v), want %s", got, err, plain)
	}
	err = put(t, c, "a", "content")
	if got := outcomeOf(err); got != plain {
		t.Errorf("put: got %s (%v), want %s", got, err, plain)
	}
	if want := "no connection to 127.0.0.1:"; !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("got %v, want an error that begins with %q", err, want)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("took %s", took)
	}
}

// timeout is the error that net and net/http return when their own time limit is over.
type timeout struct{}

func (timeout) Error() string        { return "i/o timeout" }
func (timeout) Timeout() bool        { return true }
func (timeout) Is(target error) bool { return target == context.DeadlineExceeded }

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(r *http.Request) (*http.Response, error) { return f(r) }

// A connection's time limit is not the caller's deadline.
func TestConnectionTimeout(t *testing.T) {
	c := open(t, azure.Options{
		Container:        "results",
		ConnectionString: endpoint.Secret(connectionString("http://127.0.0.1:1")),
		Transport:        transporter(func(*http.Request) (*http.Response, error) { return nil, timeout{} }),
	})
	_, err := get(t, c, "a")
	if want := "get " + c.URL() + "/a: i/o timeout"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("the error says that the caller's deadline is over")
	}
}

func TestCancelWhileWaitingForTheResponse(t *testing.T) {
	asked, done := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(int, http.ResponseWriter, *http.Request) {
		close(asked)
		<-done
	})
	defer close(done)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := s.container(t).Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := len(s.seen()); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

// huge is a body that claims to be too long for one Put Blob.
type huge struct{ io.ReadSeeker }

func (huge) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 5000<<20 + 1, nil
	}
	return 0, nil
}

func TestBodyTooLargeForOneRequest(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	err := s.container(t).Put(t.Context(), "a", huge{strings.NewReader("x")}, nil)
	if err == nil || !strings.Contains(err.Error(), "5242880001 bytes") {
		t.Errorf("got %v, want an error that names the size", err)
	}
	if got := s.seen(); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}
