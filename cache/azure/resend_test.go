package azure_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// A response before the end of the body stops the sending. The retry sends the whole
// body, and no time limit expires later.
func TestResponseBeforeTheBodyIsSent(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 2<<20)
	w := listen(t, func(w *wire, conn *net.TCPConn) {
		request, _, err := w.request(conn)
		if err != nil {
			return
		}
		if w.requests.Load() < 3 {
			respond(conn, "503 Busy", "Retry-After-Ms: 1") // and the client keeps sending for a while
			_, _ = io.CopyN(io.Discard, request.Body, 10<<20)
			return
		}
		body, _ := io.ReadAll(request.Body) // the test reports missing bytes
		w.bodies <- string(body)
		respond(conn, "201 Created")
	})
	if err := put(t, w.container(t, generous), "a", content); err != nil {
		t.Fatal(err)
	}
	if got := <-w.bodies; got != content || w.requests.Load() != 3 {
		t.Errorf("got %d bytes of %d in %d requests, want the third one complete", len(got), len(content), w.requests.Load())
	}
}

func TestRefusalBeforeTheBodyIsSent(t *testing.T) {
	w := listen(t, func(w *wire, conn *net.TCPConn) {
		if _, _, err := w.request(conn); err == nil {
			respond(conn, "403 Forbidden", "x-ms-error-code: AuthorizationFailure")
			_, _ = conn.Read(make([]byte, 1))
			time.Sleep(2 * short.Stall)
		}
	})
	err := put(t, w.container(t, short), "a", strings.Repeat("x", 64<<20))
	if got := outcomeOf(err); got != configError || w.requests.Load() != 1 {
		t.Errorf("got %s (%v) and %d requests, want %s and 1", got, err, w.requests.Load(), configError)
	}
}

// If the server closes a connection while a request is sent on it, the transport repeats
// the request. The limits also apply to the repeated request.
func TestRequestThatTheTransportRepeats(t *testing.T) {
	for range 20 {
		if repeats(t) {
			return
		}
	}
	t.Error("the transport has repeated no request: the test tested nothing")
}

// repeats reports whether the transport has repeated the request.
func repeats(t *testing.T) bool {
	content := strings.Repeat("0123456789abcdef", 450<<12)
	closed := make(chan struct{})
	w := listen(t, func(w *wire, conn *net.TCPConn) {
		for {
			request, _, err := w.request(conn)
			switch {
			case err != nil:
				return
			case w.requests.Load() == 1:
				respond(conn, "200 OK") // and keeps the connection
				continue
			case w.requests.Load() == 2:
				_, _ = io.CopyN(io.Discard, request.Body, 1000)
				_ = conn.Close()
				close(closed)
				return
			}
			w.takeSlowly(conn, request)
			return
		}
	})
	client := transport.New(generous, transport.Environment{})
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + w.address)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+w.address, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	// Unread bytes at the close would cause a reset.
	request.Body = io.NopCloser(io.MultiReader(strings.NewReader(content[:1000]), waiting{closed}))
	request.Header.Set("Idempotency-Key", "1") // net/http repeats a PUT with it
	if answer, err = client.Do(request); err != nil && w.requests.Load() < 3 {
		return false // the client saw the end of the body before that of the connection
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := <-w.bodies; got != content {
		t.Errorf("got %d bytes of %d", len(got), len(content))
	}
	return true
}

// waiting is a body that ends after a channel is closed.
type waiting struct{ until <-chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	<-w.until
	time.Sleep(5 * step)
	return 0, io.EOF
}

func TestResetsAreRetried(t *testing.T) {
	for name, request := range map[string]func(*testing.T, cache.Blobs) error{
		"get": func(t *testing.T, blobs cache.Blobs) error { _, err := get(t, blobs, "a"); return err },
		"put": func(t *testing.T, blobs cache.Blobs) error { return put(t, blobs, "a", "content") },
	} {
		for resets, want := range map[int64]outcome{1: success, 2: success, 3: plain} {
			t.Run(fmt.Sprint(name, " after ", resets), func(t *testing.T) {
				t.Parallel()
				w := listen(t, func(w *wire, conn *net.TCPConn) {
					r, _, err := w.request(conn)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if w.requests.Load() > resets {
						respond(conn, map[string]string{"GET": "200 OK", "PUT": "201 Created"}[r.Method], "ETag: \"1\"")
						return
					}
					_ = conn.SetLinger(0) // a reset
					_ = conn.Close()
				})
				err := request(t, w.container(t, short))
				if got := outcomeOf(err); got != want || w.requests.Load() != min(resets+1, tries) {
					t.Errorf("got %s (%v) and %d requests, want %s and %d", got, err, w.requests.Load(), want, min(resets+1, tries))
				}
				if errors.Is(err, cache.ErrTimeLimit) {
					t.Errorf("got %v, which is not a limit", err)
				}
			})
		}
	}
}

// A Retry-After that exceeds the limit is a refusal.
func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		header, value string
		requests      int
		atLeast       time.Duration
	}{
		{"Retry-After", "1", 2, time.Second},
		{"x-ms-retry-after-ms", "900", 2, 900 * time.Millisecond},
		{"Retry-After", "3", 2, 3 * time.Second},
		{"Retry-After", "4", 1, 0},
		{"Retry-After", "3600", 1, 0},
		{"x-ms-retry-after-ms", "3001", 1, 0},
	} {
		t.Run(test.header+" "+test.value, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 0 {
					w.Header().Set(test.header, test.value)
					fail(w, http.StatusServiceUnavailable, "ServerBusy")
				}
			})
			begin := time.Now()
			_, err := get(t, s.container(t), "a")
			took := time.Since(begin)
			if (err == nil) != (test.requests > 1) || len(s.seen()) != test.requests || took < test.atLeast {
				t.Errorf("got %v after %s and %d requests, want %d requests in %s or more", err, took, len(s.seen()), test.requests, test.atLeast)
			}
		})
	}
}
