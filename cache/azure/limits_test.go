package azure_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// short are limits that tests wait for, ample those that must not be over: what
// moves moves every few milliseconds, on a machine that is not busy.
var (
	short = limits(400 * time.Millisecond)
	ample = limits(2 * time.Second)
)

func limits(d time.Duration) transport.Limits {
	return transport.Limits{Connect: d, FirstByte: d, Stall: d}
}

const step = 10 * time.Millisecond

// wire is a server that a test speaks for, byte by byte.
type wire struct {
	address  string
	connects atomic.Int64
	requests atomic.Int64 // that were read
	bodies   chan string  // of puts that were answered
}

// listen starts a server. Its connections end with the test.
func listen(t *testing.T, serve func(w *wire, conn *net.TCPConn)) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: listener.Addr().String(), bodies: make(chan string, 1)}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			w.connects.Add(1)
			all.Go(func() { serve(w, conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return w
}

// container opens a container of the server within limits.
func (w *wire) container(t *testing.T, limits transport.Limits) *azure.Container {
	t.Helper()
	client := transport.New(limits, transport.Environment{})
	t.Cleanup(client.CloseIdleConnections)
	return open(t, azure.Options{
		Container: "results", ConnectionString: endpoint.Secret(connectionString("http://" + w.address)),
		Limits: limits, Transport: client,
	})
}

// request reads the header of a request and returns what its body is read from.
func (w *wire) request(conn net.Conn) (*http.Request, *bufio.Reader, error) {
	in := bufio.NewReaderSize(conn, 64<<10)
	request, err := http.ReadRequest(in)
	if err == nil {
		w.requests.Add(1)
	}
	return request, in, err
}

// silent reads a request's header, sends a text and then nothing more.
func silent(text string) func(*wire, *net.TCPConn) {
	return func(w *wire, conn *net.TCPConn) {
		request, _, err := w.request(conn)
		if err != nil {
			return
		}
		if request.ContentLength > 0 && request.ContentLength < 1<<20 {
			_, _ = io.Copy(io.Discard, request.Body)
		}
		_, _ = io.WriteString(conn, text)
		_, _ = conn.Read(make([]byte, 1)) // until the other side closes
	}
}

func checkLimit(t *testing.T, err error, what, key string) {
	t.Helper()
	if !errors.Is(err, cache.ErrTimeLimit) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, cache.ErrTimeLimit)
	}
	for _, want := range []string{what + " within ", "azure.timeouts." + key + " in nx.json"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// checkSays checks what an error ends with.
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
		"no answer to a get":              {silent(""), 0, "no answer", "firstByte"},
		"half of the header of an answer": {silent("HTTP/1.1 200 OK\r\nContent-Le"), 0, "no answer", "firstByte"},
		"no answer to a put":              {silent(""), 1000, "no answer", "stall + azure.timeouts.firstByte"},
		"nobody reads the body of a put":  {silent(""), 64 << 20, "no byte has moved", "stall"},
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
				t.Errorf("got %v, want %q: the sum of what it names", err, want)
			}
			if got := w.requests.Load(); got != 1 {
				t.Errorf("got %d requests, want 1: a limit is not tried again", got)
			}
		})
	}
}

// A body that stalls is asked for again once, see TestPartThatStalls; this
// storage knows no ranges.
func TestLimitOfABody(t *testing.T) {
	w := listen(t, silent("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 1000\r\n\r\nthe beginning"))
	content, err := get(t, w.container(t, short), "a")
	checkLimit(t, err, "no byte has moved", "stall")
	if content != "the beginning" || w.requests.Load() != 2 {
		t.Errorf("got %q and %d requests, want what was sent and 2", content, w.requests.Load())
	}
}

// A server that speaks TCP, and then says nothing that belongs to TLS.
func TestLimitOfTheHandshake(t *testing.T) {
	w := listen(t, func(_ *wire, conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
	client := transport.New(short, transport.Environment{})
	c := open(t, azure.Options{
		Container: "results", Endpoint: "https://" + w.address, Credential: lasting(time.Hour), Limits: short, Transport: client,
	})
	_, err := get(t, c, "a")
	checkLimit(t, err, "no connection", "connect")
	checkSays(t, err, "in nx.json): check whether the network lets this machine go to "+w.address+" (VPN, firewall, private endpoint), and HTTPS_PROXY")
	if got := w.connects.Load(); got != 1 {
		t.Errorf("got %d connections, want 1: a limit is not tried again", got)
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
		Container: "results", Endpoint: "https://account.blob.example", Credential: lasting(time.Hour), Limits: short,
		Environment: environment(t, variables{"HTTPS_PROXY": "http://anna:s3cret@" + w.address}),
	})
	_, err := get(t, c, "a")
	checkLimit(t, err, "no connection through the proxy http://"+w.address+" (HTTPS_PROXY)", "connect")
	checkSays(t, err, "in nx.json): check HTTPS_PROXY, and whether the proxy may go to account.blob.example")
	if got := w.requests.Load(); got != 1 {
		t.Errorf("got %d requests to the proxy, want 1", got)
	}
}

// takeSlowly reads the body of a request, a piece at each step, and answers it.
func (w *wire) takeSlowly(conn *net.TCPConn, request *http.Request) {
	body := make([]byte, request.ContentLength)
	for rest := body; len(rest) > 0; {
		time.Sleep(step)
		piece := rest[:min(64<<10, len(rest))]
		if _, err := io.ReadFull(request.Body, piece); err != nil {
			return
		}
		rest = rest[len(piece):]
	}
	w.bodies <- string(body)
	respond(conn, "201 Created")
}

// respond answers a request with a status and no body.
func respond(conn net.Conn, status string, headers ...string) {
	_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n"+strings.Join(append(headers, ""), "\r\n")+"\r\n")
}

// What moves takes as long as it takes: far longer than each limit.
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

// A reader may take its time: it unpacks, perhaps onto a slow disk.
func TestReaderThatTakesItsTime(t *testing.T) {
	s := newServer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
	})
	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Limits: limits(time.Second)})
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

// An answer that comes before the body is sent ends the sending, of which the
// next try must get nothing; and no limit is over later.
func TestAnswerBeforeTheBodyIsSent(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 2<<20)
	w := listen(t, func(w *wire, conn *net.TCPConn) {
		request, _, err := w.request(conn)
		if err != nil {
			return
		}
		if w.requests.Load() < 3 {
			respond(conn, "503 Busy", "Retry-After-Ms: 1") // and the sender goes on for a while
			_, _ = io.CopyN(io.Discard, request.Body, 10<<20)
			return
		}
		body, _ := io.ReadAll(request.Body) // what is missing is seen
		w.bodies <- string(body)
		respond(conn, "201 Created")
	})
	if err := put(t, w.container(t, ample), "a", content); err != nil {
		t.Fatal(err)
	}
	if got := <-w.bodies; got != content || w.requests.Load() != 3 {
		t.Errorf("got %d bytes of %d in %d requests, want the third one whole", len(got), len(content), w.requests.Load())
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

// The transport itself repeats a request that it sent on a connection which the
// server was closing. The limits hold for that one as for the first.
func TestRequestThatTheTransportRepeats(t *testing.T) {
	for range 20 {
		if repeats(t) {
			return
		}
	}
	t.Error("the transport has repeated no request: nothing was tested")
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
				respond(conn, "200 OK") // and the connection is kept
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
	client := transport.New(ample, transport.Environment{})
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
	// What the server has not read when it closes would be a reset.
	request.Body = io.NopCloser(io.MultiReader(strings.NewReader(content[:1000]), waiting{closed}))
	request.Header.Set("Idempotency-Key", "1") // net/http repeats a PUT with it
	if answer, err = client.Do(request); err != nil && w.requests.Load() < 3 {
		return false // the end of the body was seen before that of the connection
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

func TestResetsAreTriedAgain(t *testing.T) {
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
					t.Errorf("got %v, which is no limit", err)
				}
			})
		}
	}
}

// A server that asks for more patience than there is has refused.
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

// leavesNothing runs a test, after which no goroutine of it may be left.
func leavesNothing(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Run("run", test)
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(step) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("got %d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
