//go:build unix

package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// If the parent is killed, its ends of all pipes are closed.
func TestProcessWhoseParentIsKilled(t *testing.T) {
	s := startStoring(t, testenv.Env{logVariable: "debug"})
	_ = s.stdout.Close() // so the client in this process may close both
	_ = s.stdin.Close()
	time.Sleep(100 * time.Millisecond) // a server that does not wait has ended
	s.storage.Release()
	if code := s.exit(); code != 0 {
		t.Errorf("got the exit code %d, want 0", code)
	}
	if got := s.stored(); len(got) != 1 {
		t.Errorf("got %v stored, want one", got)
	}
	if _, err := os.Lstat(filepath.Dir(s.folder)); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing left", err)
	}
}

// SIGTERM ends the process without waiting for uploads.
func TestProcessAskedToEndWhileStoring(t *testing.T) {
	s := startStoring(t, nil)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.checkGone(t, 0)
}

// Ctrl-C and the end of a terminal are signals to all its processes. The parent decides
// what happens.
func TestProcessIgnoresSignalsWhileItStores(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE} {
		t.Run(signal.String(), func(t *testing.T) {
			s := startStoring(t, nil)
			for range 3 {
				if err := s.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			s.storage.Release()
			if got := <-s.session.stored; got.Outcome != cache.OutcomeStored {
				t.Errorf("got %+v, want it stored", got)
			}
			s.Close()
			s.checkGone(t, 0)
		})
	}
}

// A parent that does not read the log does not block the process.
func TestProcessWithUnreadLog(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, "serve")
	command.Env = []string{
		processVariable + "=1", "GORACE=atexit_sleep_ms=0", "HOME=" + t.TempDir(), logVariable + "=debug",
		license.Variable + "=" + testenv.License(t, "valid.jwt"), config.ConnectionVariable + "=" + connection,
	}
	unread, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	command.Stderr = stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = stderr.Close() // the process has its own
	s := newSession(t, pipes{stdout, stdin})
	s.initialize(`{"container": "artifacts"}`)
	for range 2000 { // a line of some 100 bytes each: more than a pipe holds
		_ = s.Call(t.Context(), "ping", nil, nil) // an unknown hash
	}
	if got := s.store(t); !got.Queued {
		t.Errorf("got %+v, want it queued", got)
	}
	if got := <-s.stored; got.Outcome != cache.OutcomeStored || len(storage.Service.Names(testenv.Container)) != 1 {
		t.Errorf("got %+v, want it stored", got)
	}
	s.Close()
	timer := time.AfterFunc(cachetest.Patience, func() {
		t.Error("the process does not end")
		_ = command.Process.Kill()
	})
	defer timer.Stop()
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if log, err := io.ReadAll(unread); err != nil || len(log) < 60_000 {
		t.Errorf("got a log of %d bytes, %v; want a full pipe: the test tested nothing", len(log), err)
	}
}

// The time limits of nx.json apply to requests, and their errors name the key.
func TestLimitsOfTheSettings(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	storage.Behave(http.MethodGet, &testenv.StorageRule{Action: "hold", Left: -1})
	s, _ := serveWith(t, testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection})
	s.initialize(`{"container": "artifacts", "timeouts": {"firstByte": "250ms"}, "trust": {"isolation": "none"}}`)
	err := s.Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: t.TempDir()}, nil)
	if err == nil || !strings.Contains(err.Error(), "no response within 250ms (azure.timeouts.firstByte in nx.json)") {
		t.Errorf("got %v, want the limit and its key", err)
	}
	// One expired limit trips the breaker.
	err = s.Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "2", CacheDirectory: t.TempDir()}, nil)
	if err == nil || !strings.Contains(err.Error(), "off for the rest of this run") {
		t.Errorf("got %v, want the cache off", err)
	}
	if got := storage.TakeRequests(); len(got) != 1 {
		t.Errorf("got the requests %q, want one", got)
	}
}
