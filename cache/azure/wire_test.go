package azure_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// wire is a server whose bytes the test writes.
type wire struct {
	address  string
	connects atomic.Int64
	requests atomic.Int64 // that were read
	bodies   chan string  // of puts that got a response
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

// container opens a container of the server with time limits.
func (w *wire) container(t *testing.T, limits transport.Limits) *azure.Container {
	t.Helper()
	client := transport.New(limits, transport.Environment{})
	t.Cleanup(client.CloseIdleConnections)
	return open(t, azure.Options{
		Container: "results", ConnectionString: endpoint.Secret(connectionString("http://" + w.address)),
		Limits: limits, Transport: client,
	})
}

// request reads the header of a request and returns a reader of its body.
func (w *wire) request(conn net.Conn) (*http.Request, *bufio.Reader, error) {
	in := bufio.NewReaderSize(conn, 64<<10)
	request, err := http.ReadRequest(in)
	if err == nil {
		w.requests.Add(1)
	}
	return request, in, err
}

// silent reads a request's header, sends a string, and then nothing more.
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

// takeSlowly reads the body of a request in steps, and responds.
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

// respond sends a response with a status and no body.
func respond(conn net.Conn, status string, headers ...string) {
	_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n"+strings.Join(append(headers, ""), "\r\n")+"\r\n")
}
