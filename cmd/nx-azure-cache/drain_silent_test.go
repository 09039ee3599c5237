//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/drain"
)

// drainWith runs drain, in this process, with a limit for silence.
func drainWith(t *testing.T, folder, limit, silence string) drain.Result {
	t.Helper()
	stdout, _, err := runWith(t, nil, "drain", "--folder", folder, "--limit", limit, "--silence", silence)
	if err != nil {
		t.Fatal(err)
	}
	var result drain.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatalf("got %q: %v", stdout, err)
	}
	return result
}

// A stopped server does not use up the whole limit, and the reason is not the limit.
func TestDrainOfAStoppedServer(t *testing.T) {
	t.Parallel()
	s := startStoring(t, nil)
	if err := s.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	got := drainWith(t, s.folder, "1m", "500ms")
	if got.Ended != "silent" || got.Waiting != 1 || got.IsLeft || got.ProcessID != s.Process.Pid {
		t.Errorf("got %+v, want it silent and gone, with the number of results left", got)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if code := s.exit(); code != -1 {
		t.Errorf("got the exit code %d, want a signal", code)
	}
}

// If the limit is shorter than the silence, the reason is still not the limit.
func TestDrainOfAStoppedServerWithAShortLimit(t *testing.T) {
	t.Parallel()
	s := startStoring(t, nil)
	if err := s.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got := drainWith(t, s.folder, "1500ms", "1m"); got.Ended != "silent" || got.IsLeft {
		t.Errorf("got %+v, want it silent and gone", got)
	}
	s.exit()
}

// A server whose upload waits for the storage still publishes its state.
func TestDrainOfASlowServerIsNotSilent(t *testing.T) {
	t.Parallel()
	s := startStoring(t, nil)
	if got := drainWith(t, s.folder, "1500ms", "700ms"); got.Ended != "limit" || got.IsLeft {
		t.Errorf("got %+v, want the limit", got)
	}
	s.checkGone(t, 0)
}

// A signal may end Nx's process before drain reads its parent's ID.
func TestDrainWithoutAParent(t *testing.T) {
	t.Parallel()
	s := startStoring(t, nil)
	gone := exec.CommandContext(t.Context(), "/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := runWith(t, nil, "drain", "--folder", s.folder, "--limit", "5s", "--parent", strconv.Itoa(gone.Process.Pid))
	if stdout != "" || err != nil {
		t.Fatalf("got %q, %v; want nothing", stdout, err)
	}
	s.storage.Release()
	if got := <-s.session.stored; got.Outcome != "stored" {
		t.Errorf("got %+v, want it stored", got)
	}
	s.Close()
	s.checkGone(t, 0)
}

// Nx's process waits for drain. If a signal ends that process, drain ends and prints
// nothing. The server continues.
func TestDrainLosesItsParent(t *testing.T) {
	t.Parallel()
	s := startStoring(t, nil)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The shell prints its child's process ID and waits.
	parent := exec.CommandContext(t.Context(), "/bin/sh", "-c", `"$@" & echo $!; wait`, "sh",
		executable, "drain", "--folder", s.folder, "--limit", "1m")
	parent.Env = []string{processVariable + "=1", "GORACE=atexit_sleep_ms=0"}
	said := new(output)
	parent.Stderr = said
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(stdout, &child); err != nil {
		t.Fatal(err)
	}
	for said.String() == "" { // drain has begun to wait
		time.Sleep(10 * time.Millisecond)
	}
	if err := parent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string)
	go func() {
		rest, _ := io.ReadAll(stdout) // until drain has also closed it
		ended <- string(rest)
	}()
	select {
	case rest := <-ended:
		if rest != "" || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("got %q and %q, want only progress", rest, said)
		}
	case <-time.After(cachetest.Patience):
		_ = syscall.Kill(child, syscall.SIGKILL)
		t.Error("drain does not end")
	}
	_ = parent.Wait() // ended by the signal
	s.storage.Release()
	if got := <-s.session.stored; got.Outcome != "stored" {
		t.Errorf("got %+v, want it stored", got)
	}
	s.Close()
	s.checkGone(t, 0)
}
