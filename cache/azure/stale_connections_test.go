package azure_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// nat is a TCP proxy that forgets connections, as a NAT gateway does.
type nat struct {
	address string
	opened  atomic.Int64 // connections

	mu     sync.Mutex
	known  map[net.Conn]net.Conn // the client's side to the server's
	resets bool                  // the others, when bytes arrive on them
}

func newNAT(t *testing.T, server string) *nat {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nat{address: listener.Addr().String(), known: make(map[net.Conn]net.Conn)}
	var all sync.WaitGroup
	var ends []net.Conn
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				return
			}
			n.opened.Add(1)
			n.mu.Lock()
			n.known[client] = to
			ends = append(ends, client, to)
			n.mu.Unlock()
			all.Go(func() { n.pump(client, to, client) })
			all.Go(func() { n.pump(to, client, client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		n.mu.Lock()
		for _, conn := range ends {
			_ = conn.Close()
		}
		n.mu.Unlock()
		all.Wait()
	})
	return n
}

// pump forwards the bytes of a connection while it is known, and drops them afterwards.
func (n *nat) pump(from, to, client net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		count, err := from.Read(buffer)
		n.mu.Lock()
		isKnown, resets := n.known[client] != nil, n.resets
		n.mu.Unlock()
		if isKnown {
			_, _ = to.Write(buffer[:count])
		} else if resets && from == client {
			_ = client.(*net.TCPConn).SetLinger(0)
			_ = client.Close()
			return
		}
		if err != nil {
			if isKnown {
				_ = to.Close()
			}
			return
		}
	}
}

// forget forgets all connections. Bytes on them are dropped, or cause a reset.
func (n *nat) forget(resets bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.known)
	n.resets = resets
}

// A dead idle connection is not an error of the storage. It costs one more request on a
// new connection, for any request and any number of dead connections.
func TestConnectionsThatDiedUnseen(t *testing.T) {
	const kept = 8
	for name, test := range map[string]struct {
		reset bool
		idle  time.Duration
		most  time.Duration // until the client notices
		body  int           // of puts
	}{
		"in silence":                       {false, ample.FirstByte / 5, ample.FirstByte, 1000},
		"with a reset":                     {true, ample.FirstByte / 5, 2 * ample.FirstByte, 1000},
		"in silence, just after a request": {false, 0, 4 * ample.FirstByte, 1000},
		"in silence, before a large put":   {false, ample.FirstByte / 5, 4 * ample.FirstByte, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var together sync.WaitGroup
			s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if n < kept { // the server waits for all of them, so each has a connection
					together.Done()
					together.Wait()
				}
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodPut {
					w.WriteHeader(http.StatusCreated)
				} else {
					_, _ = io.WriteString(w, "content")
				}
			})
			n := newNAT(t, s.Listener.Addr().String())
			client := transport.New(ample, transport.Environment{})
			t.Cleanup(client.CloseIdleConnections)
			c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString("http://" + n.address)), Limits: ample, Transport: client})
			round := func(puts bool) {
				var all sync.WaitGroup
				for i := range kept {
					all.Go(func() {
						if puts && i%2 == 0 {
							if err := put(t, c, "a", strings.Repeat("x", test.body)); err != nil {
								t.Error(err)
							}
						} else if content, err := get(t, c, "a"); err != nil || content != "content" {
							t.Errorf("got %q, %v", content, err)
						}
					})
				}
				all.Wait()
			}
			together.Add(kept)
			round(false)
			time.Sleep(test.idle)
			n.forget(test.reset)
			begin := time.Now()
			round(true)
			if took := time.Since(begin); took > test.most {
				t.Errorf("it took %s, want %s at most", took, test.most)
			}
			if got := len(s.seen()); got != 2*kept {
				t.Errorf("the server got %d requests, want %d", got, 2*kept)
			}
		})
	}
}

// A request without a response on a fresh connection is not resent: the server is silent.
func TestNewConnectionIsTrusted(t *testing.T) {
	w := listen(t, silent(""))
	c := w.container(t, short)
	_, err := get(t, c, "a")
	checkLimit(t, err, "no response", "firstByte")
	if got := w.requests.Load(); got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

// The connection that was opened in advance may have died before its first request.
func TestWarmConnectionThatDiedUnseen(t *testing.T) {
	s := newServer(t, ok)
	n := newNAT(t, s.Listener.Addr().String())
	client := transport.New(ample, transport.Environment{})
	t.Cleanup(client.CloseIdleConnections)
	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString("http://" + n.address)), Limits: ample, Transport: client})
	c.Warm(t.Context())
	eventually(t, "a connection", func() bool { return n.opened.Load() == 1 })
	time.Sleep(ample.FirstByte + ample.FirstByte/10)
	n.forget(false)
	begin := time.Now()
	if _, err := get(t, c, "a"); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > ample.FirstByte {
		t.Errorf("it took %s, want less than a limit", took)
	}
}

// If a server is slow on an idle connection, the request is sent twice. The second one
// has the whole time limit.
func TestSlowServerHasItsWholeTime(t *testing.T) {
	slow := ample.FirstByte / 2
	s := newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n > 0 {
			select {
			case <-time.After(slow):
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, "content")
	})
	c := s.inRanges(t, download.DefaultRanges, ample)
	for range 2 {
		if content, err := get(t, c, "a"); err != nil || content != "content" {
			t.Errorf("got %q, %v", content, err)
		}
		time.Sleep(ample.FirstByte / 5)
	}
	if got := len(s.seen()); got != 3 {
		t.Errorf("got %d requests, want 3", got)
	}
}
