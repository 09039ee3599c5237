package rpc_test

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// startNonreading starts a server whose client reads only as much as the test asks for.
func startNonreading(t *testing.T, blobs cache.Blobs) (s *raw, served <-chan error) {
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	options := session(rpc.Session{Cache: newCache(blobs), Drain: time.Minute, Silence: time.Hour, Warnings: []diagnostic.Message{{Text: "first"}}})
	go func() { ended <- rpc.Serve(t.Context(), theirs, options) }()
	s = &raw{t, ours, bufio.NewReaderSize(ours, 16)}
	s.send("a", "initialize", initializeParams(t))
	return s, ended
}

// A client that no longer reads, such as one in its exit listener, delays neither uploads
// nor the end.
func TestClientThatDoesNotRead(t *testing.T) {
	const many = 20
	dir := t.TempDir()
	for i := range many {
		write(t, filepath.Join(dir, fmt.Sprint(i), "a"), "hello")
	}
	blobs := new(cachetest.Memory)
	s, served := startNonreading(t, blobs)
	s.receive()
	s.receive()
	for i := range many {
		s.send(i, "store", storeParams(fmt.Sprint(i), dir))
	}
	for len(blobs.Names()) < many || onlyState(t, dir).Waiting > 0 {
		time.Sleep(time.Millisecond)
	}
	if state := onlyState(t, dir); state.Summary.Stored != many {
		t.Errorf("got %+v, want the state of the uploads published", state)
	}
	s.stream.Close()
	checkEndsAtOnce(t, served)
	checkNothingLeft(t, dir)
}

// checkEndsAtOnce fails if the server does not end soon. It would wait for a minute.
func checkEndsAtOnce(t *testing.T, served <-chan error) {
	t.Helper()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(cachetest.Patience):
		t.Error("the server does not end")
	}
}

// halfOpen is a stream whose client closes the server's input, and keeps its output open
// without reading it.
type halfOpen struct {
	net.Conn               // the server's input
	stuck    chan struct{} // receives one value
	release  chan struct{}
}

func (h halfOpen) Write([]byte) (int, error) {
	select {
	case h.stuck <- struct{}{}:
	default:
	}
	<-h.release
	return 0, net.ErrClosed
}

// The server detects the end of stdin, and ends the session, while a response, a warning or
// an error is stuck in an unread stdout.
func TestEndWhileAResponseIsStuck(t *testing.T) {
	for name, requests := range map[string][]string{
		"a warning":           {"initialize"},
		"a response":          {"ping"},
		"answers":             {"ping", "ping", "ping", "initialize", "ping"},
		"shutdown":            {"ping", "shutdown"},
		"refusals":            {"shutdown", "ping", "ping", "ping"},
		"all kinds of errors": {"retrieve", "store", "initialize", "initialize", "shutdown", "shutdown", "ping"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			stream := halfOpen{theirs, make(chan struct{}, 1), make(chan struct{})}
			defer close(stream.release)
			served := make(chan error, 1)
			options := session(rpc.Session{Cache: newCache(new(cachetest.Memory)), Drain: time.Minute, Warnings: []diagnostic.Message{{Text: "first"}}})
			go func() { served <- rpc.Serve(t.Context(), stream, options) }()
			s := &raw{t, ours, bufio.NewReader(ours)}
			for i, method := range requests {
				s.send(i, method, initializeParams(t)) // returns when the client reads it
			}
			<-stream.stuck
			ours.Close()
			checkEndsAtOnce(t, served)
		})
	}
}
