package azure_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// counted is a server that counts its connections.
type counted struct {
	*server
	opened, closed, handshakes atomic.Int64
}

// newCounted starts a server, with TLS if it is secure. Each handshake calls
// hello.
func newCounted(t *testing.T, secure bool, hello func(), respond func(n int, w http.ResponseWriter, r *http.Request)) *counted {
	t.Helper()
	s := &counted{server: newUnstarted(t, respond)}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened.Add(1)
		case http.StateClosed:
			s.closed.Add(1)
		}
	}
	if !secure {
		s.Start()
		return s
	}
	s.TLS = &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { hello(); return nil, nil },
		VerifyConnection:   func(tls.ConnectionState) error { s.handshakes.Add(1); return nil },
	}
	s.StartTLS()
	return s
}

// connect opens the container "results" of a server with connections of its own.
func (s *counted) connect(t *testing.T, signIn *credential) *azure.Container {
	t.Helper()
	options := azure.Options{Container: "results"}
	trusts := variables{}
	if s.TLS != nil {
		trusts["SSL_CERT_FILE"] = pemFile(t, t.TempDir(), s)
		options.Endpoint, options.Credential = s.URL, signIn
	} else {
		options.ConnectionString = endpoint.Secret(connectionString(s.URL))
	}
	client := transport.New(generous, environment(t, trusts))
	t.Cleanup(client.CloseIdleConnections)
	options.Limits, options.Transport = generous, client
	return open(t, options)
}

func TestWarmOpensTheFirstConnection(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			s := newCounted(t, secure, func() {}, ok)
			signIn := validFor(time.Hour)
			c := s.connect(t, signIn)
			c.Warm(t.Context())
			eventually(t, "the connection is open", func() bool {
				return s.opened.Load() == 1 && (!secure || s.handshakes.Load() == 1 && signIn.asked.Load() == 1)
			})
			if got := s.seen(); len(got) != 0 {
				t.Errorf("got the requests %v, want none", got)
			}
			for range 2 {
				if _, err := get(t, c, "a"); err != nil {
					t.Error(err)
				}
			}
			if opened, asked := s.opened.Load(), signIn.asked.Load(); opened != 1 || secure && asked != 1 {
				t.Errorf("got %d connections and %d sign-ins, want no new ones", opened, asked)
			}
		})
	}
}

// The first request may come while its connection is being opened.
func TestFirstRequestWaitsForItsConnection(t *testing.T) {
	hello, respond := make(chan struct{}), make(chan struct{})
	s := newCounted(t, true, func() { hello <- struct{}{}; <-respond }, ok)
	c := s.connect(t, validFor(time.Hour))
	var all sync.WaitGroup
	all.Go(func() { c.Warm(t.Context()) })
	<-hello
	all.Go(func() {
		if _, err := get(t, c, "a"); err != nil {
			t.Error(err)
		}
	})
	close(respond)
	all.Wait()
	if got := s.opened.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestUnusedWarmConnection(t *testing.T) {
	leavesNothing(t, func(t *testing.T) {
		s := newCounted(t, true, func() {}, ok)
		ctx, end := context.WithCancel(t.Context())
		c := s.connect(t, validFor(time.Hour))
		for range 2 { // the second time, a connection exists
			c.Warm(ctx)
		}
		eventually(t, "it is open", func() bool { return s.handshakes.Load() == 1 })
		end()
		eventually(t, "it is closed at the end of the session", func() bool { return s.closed.Load() == 1 })
		if _, err := get(t, c, "a"); err != nil {
			t.Error(err)
		}
		if got := s.opened.Load(); got != 2 {
			t.Errorf("got %d connections, want the earlier one and another", got)
		}
	})
}

// If Warm fails, the first request reports the error.
func TestWarmFails(t *testing.T) {
	leavesNothing(t, func(t *testing.T) {
		c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(closedPort(t)))})
		c.Warm(t.Context())
		if err := put(t, c, "a", "content"); outcomeOf(err) != plain {
			t.Errorf("got %v, want an error", err)
		}
	})
}

// A session that ends while its connection is being opened does not wait for it.
func TestWarmThatIsCancelled(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		t.Run(fmt.Sprintf("by then it is wanted %t", wanted), func(t *testing.T) {
			leavesNothing(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				hello := make(chan struct{})
				var hellos atomic.Int64
				s := newCounted(t, true, func() {
					if hellos.Add(1) == 1 {
						close(hello)
						<-ctx.Done()
					}
				}, ok)
				c := s.connect(t, validFor(time.Hour))
				var all sync.WaitGroup
				all.Go(func() { c.Warm(ctx) })
				<-hello
				if wanted {
					all.Go(func() {
						if _, err := get(t, c, "a"); err != nil {
							t.Error(err)
						}
					})
					time.Sleep(step) // by then the request waits for the connection, unless the machine is busy
				}
				end()
				all.Wait()

				before := s.opened.Load()
				c.Warm(t.Context())
				eventually(t, "another one is warm", func() bool { return s.opened.Load() == before+1 })
			})
		})
	}
}

// Concurrent requests use separate connections.
func TestWarmConnectionIsTakenOnce(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(2)
	s := newCounted(t, true, func() {}, func(int, http.ResponseWriter, *http.Request) {
		arrived.Done()
		arrived.Wait()
	})
	c := s.connect(t, validFor(time.Hour))
	c.Warm(t.Context())
	together(2, func(i int) {
		if _, err := get(t, c, fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	})
	if got := s.opened.Load(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}

// A proxy would close a connection without a request.
func TestWarmBehindAProxy(t *testing.T) {
	w := listen(t, func(_ *wire, conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
	signIn := validFor(time.Hour)
	c := open(t, azure.Options{
		Container: "results", Endpoint: "https://account.blob.example", Credential: signIn,
		Environment: environment(t, variables{"HTTPS_PROXY": "http://" + w.address}),
	})
	c.Warm(t.Context())
	if got := signIn.asked.Load(); got != 1 {
		t.Errorf("got %d sign-ins, want 1", got)
	}
	if got := w.connects.Load(); got != 0 {
		t.Errorf("got %d connections to the proxy, want none", got)
	}
}

// Nx requests hundreds of results at once, repeatedly.
func TestConnectionsAreKept(t *testing.T) {
	const count = 100
	var arrived sync.WaitGroup
	s := newCounted(t, false, nil, func(int, http.ResponseWriter, *http.Request) {
		arrived.Done()
		arrived.Wait() // each of them has a connection
	})
	c := s.connect(t, nil)
	for range 2 {
		arrived.Add(count)
		together(count, func(i int) {
			if _, err := get(t, c, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	if got := s.opened.Load(); got != count {
		t.Errorf("got %d connections for %d requests at once, twice, want %d", got, count, count)
	}
}

func TestFurtherConnectionsResumeTheSession(t *testing.T) {
	var resumed atomic.Int64
	s := newCounted(t, true, func() {}, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			resumed.Add(1)
		}
		w.Header().Set("Connection", "close")
	})
	c := s.connect(t, validFor(time.Hour))
	for range 3 {
		if _, err := get(t, c, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if got, opened := resumed.Load(), s.opened.Load(); got != 2 || opened != 3 {
		t.Errorf("%d of %d connections resumed a session, want 2 of 3", got, opened)
	}
}
