package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// short are limits that tests wait for. ample are limits that must not expire while bytes
// move every few milliseconds. generous are for tests of something else: a busy machine may
// stop a process for seconds.
var (
	short    = limits(400 * time.Millisecond)
	ample    = limits(2 * time.Second)
	generous = limits(time.Minute)
)

func limits(d time.Duration) transport.Limits {
	return transport.Limits{Connect: d, FirstByte: d, Stall: d}
}

const step = 10 * time.Millisecond

func checkLimit(t *testing.T, err error, what, key string) {
	t.Helper()
	if !errors.Is(err, cache.ErrTimeLimit) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, cache.ErrTimeLimit)
	}
	for _, want := range []string{what + " within ", "azure.timeouts." + key + " in nx.json"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want it to contain %q", err, want)
		}
	}
}

// checkSays checks the end of an error.
func checkSays(t *testing.T, err error, want string) {
	t.Helper()
	if !strings.HasSuffix(fmt.Sprint(err), want) {
		t.Errorf("got %v, want %q at its end", err, want)
	}
}

func TestLimits(t *testing.T) {
	for name, test := range map[string]struct {
		server    func(*wire, *net.TCPConn)
		put       int // bytes; 0: get
		what, key string
	}{
		"no response to a get":          {silent(""), 0, "no response", "firstByte"},
		"half of a response header":     {silent("HTTP/1.1 200 OK\r\nContent-Le"), 0, "no response", "firstByte"},
		"no response to a put":          {silent(""), 1000, "no response", "stall + azure.timeouts.firstByte"},
		"the body of a put is not read": {silent(""), 64 << 20, "no data was transferred", "stall"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := listen(t, test.server)
			c := w.container(t, short)
			var err error
			if test.put > 0 {
				err = put(t, c, "a", strings.Repeat("x", test.put))
			} else {
				_, err = get(t, c, "a")
			}
			checkLimit(t, err, test.what, test.key)
			limit := short.Stall
			if strings.Contains(test.key, "+") {
				limit += short.FirstByte
			}
			if want := fmt.Sprintf("within %s (azure.timeouts.%s in nx.json)", limit, test.key); !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("got %v, want %q: the sum of the limits that it names", err, want)
			}
			if got := w.requests.Load(); got != 1 {
				t.Errorf("got %d requests, want 1: a limit is not retried", got)
			}
		})
	}
}

// A stalled body is requested again once (TestPartThatStalls). This storage does not
// support ranges.
func TestLimitOfABody(t *testing.T) {
	w := listen(t, silent("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 1000\r\n\r\nthe beginning"))
	content, err := get(t, w.container(t, short), "a")
	checkLimit(t, err, "no data was transferred", "stall")
	if content != "the beginning" || w.requests.Load() != 2 {
		t.Errorf("got %q and %d requests, want the bytes sent, and 2", content, w.requests.Load())
	}
}

// A server that accepts a connection but does not respond to the TLS handshake.
func TestLimitOfTheHandshake(t *testing.T) {
	w := listen(t, func(_ *wire, conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
	client := transport.New(short, transport.Environment{})
	c := open(t, azure.Options{
		Container: "results", Endpoint: "https://" + w.address, Credential: validFor(time.Hour), Limits: short, Transport: client,
	})
	_, err := get(t, c, "a")
	checkLimit(t, err, "no connection", "connect")
	checkSays(t, err, "in nx.json): check whether this machine can reach "+w.address+" (VPN, firewall, private endpoint), and HTTPS_PROXY")
	if got := w.connects.Load(); got != 1 {
		t.Errorf("got %d connections, want 1: a limit is not retried", got)
	}
}

func TestLimitOfAProxy(t *testing.T) {
	w := listen(t, func(w *wire, conn *net.TCPConn) {
		if request, _, err := w.request(conn); err != nil || request.Method != http.MethodConnect {
			t.Errorf("got %v, %v; want a CONNECT", request, err)
		}
		_, _ = conn.Read(make([]byte, 1))
	})
	c := open(t, azure.Options{
		Container: "results", Endpoint: "https://account.blob.example", Credential: validFor(time.Hour), Limits: short,
		Environment: environment(t, variables{"HTTPS_PROXY": "http://anna:s3cret@" + w.address}),
	})
	_, err := get(t, c, "a")
	checkLimit(t, err, "no connection through the proxy http://"+w.address+" (HTTPS_PROXY)", "connect")
	checkSays(t, err, "in nx.json): check HTTPS_PROXY, and whether the proxy allows account.blob.example")
	if got := w.requests.Load(); got != 1 {
		t.Errorf("got %d requests to the proxy, want 1", got)
	}
}

// A transfer that moves may take far longer than each limit.
func TestSlowTransfers(t *testing.T) {
	long := 2 * ample.Stall
	t.Run("get", func(t *testing.T) {
		t.Parallel()
		content := strings.Repeat("0123456789abcdef", 3000)
		w := listen(t, func(w *wire, conn *net.TCPConn) {
			if _, _, err := w.request(conn); err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: %d\r\n\r\n", len(content))
			for rest := content; rest != ""; rest = rest[100:] {
				time.Sleep(step)
				_, _ = io.WriteString(conn, rest[:100])
			}
		})
		begin := time.Now()
		got, err := get(t, w.container(t, ample), "a")
		if took := time.Since(begin); err != nil || got != content || took < long || w.requests.Load() != 1 {
			t.Errorf("got %d bytes of %d in %s and %d requests, %v", len(got), len(content), took, w.requests.Load(), err)
		}
	})
	t.Run("put", func(t *testing.T) {
		t.Parallel()
		content := strings.Repeat("0123456789abcdef", 450<<12) // 450 pieces, more than all buffers
		w := listen(t, func(w *wire, conn *net.TCPConn) {
			if request, _, err := w.request(conn); err == nil {
				w.takeSlowly(conn, request)
			}
		})
		begin := time.Now()
		err := put(t, w.container(t, ample), "a", content)
		took := time.Since(begin)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-w.bodies; took < long || w.requests.Load() != 1 || got != content {
			t.Errorf("got %d bytes of %d in %s and %d requests", len(got), len(content), took, w.requests.Load())
		}
	})
}

// A reader may be slow, because it may unpack to a slow disk.
func TestSlowReader(t *testing.T) {
	stallsSoon := generous
	stallsSoon.Stall = time.Second
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
	})
	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Limits: stallsSoon})
	blob, err := c.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	time.Sleep(2 * time.Second)
	if _, err := io.CopyN(io.Discard, blob.Body, 1000); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Second)
	if n, err := io.Copy(io.Discard, blob.Body); err != nil || n != 10<<20-1000 {
		t.Errorf("got %d more bytes, %v", n, err)
	}
}

func TestLimitsLeaveNothingBehind(t *testing.T) {
	leavesNothing(t, func(t *testing.T) {
		good := newServer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				w.WriteHeader(http.StatusCreated)
			}
		})
		client := transport.New(short, transport.Environment{})
		defer client.CloseIdleConnections()
		c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(good.URL)), Transport: client})
		for range 20 {
			if _, err := get(t, c, "a"); err != nil {
				t.Error(err)
			}
			if err := put(t, c, "a", strings.Repeat("x", 1<<20)); err != nil {
				t.Error(err)
			}
		}
		stalled := listen(t, silent("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"))
		if _, err := get(t, stalled.container(t, short), "a"); !errors.Is(err, cache.ErrTimeLimit) {
			t.Errorf("got %v, want %v", err, cache.ErrTimeLimit)
		}
	})
}

// leavesNothing fails if a test leaves a goroutine behind.
func leavesNothing(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Run("run", test)
	for end := time.Now().Add(cachetest.Patience); runtime.NumGoroutine() > before; time.Sleep(step) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("got %d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
