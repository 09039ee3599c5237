//go:build unix

package main

import (
	"net"
	"syscall"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// silentStorage accepts connections, reports each, and sends nothing.
func silentStorage(t *testing.T) (connectionString string, connected <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	reports := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			reports <- struct{}{}
		}
	}()
	return testenv.ConnectionStringFor(listener.Addr().String()), reports
}

// The process is ended while a request waits for the storage.
func TestProcessEndsDuringARequest(t *testing.T) {
	for name, end := range map[string]func(*process) error{
		"by SIGTERM":          func(p *process) error { return p.Process.Signal(syscall.SIGTERM) },
		"by the end of stdin": func(p *process) error { return p.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			storage, connected := silentStorage(t)
			p := startProcess(t, testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: storage}, "serve")
			s := p.session()
			if got, _ := s.initialize(`{"container": "artifacts"}`); !got.Enabled {
				t.Fatalf("got %+v, want a cache", got)
			}
			waiter, err := s.DispatchCall(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			<-connected
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			if err := waiter.Wait(t.Context(), nil); err == nil {
				t.Error("got a result, want none")
			}
			if code := p.exit(); code != 0 || p.stderr.String() != "" {
				t.Errorf("got the exit code %d and %q on stderr, want 0 and nothing", code, p.stderr)
			}
		})
	}
}

// Ctrl-C in a terminal signals all its processes. Nx decides what happens.
func TestProcessIgnoresSIGINT(t *testing.T) {
	p := startProcess(t, testenv.Env{config.ModeVariable: "no-cache"}, "serve")
	s := p.session()
	s.initialize("null")
	for range 3 {
		if err := p.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
	s.Close()
	if code := p.exit(); code != 0 {
		t.Errorf("got the exit code %d, want 0", code)
	}
}
