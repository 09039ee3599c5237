package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a pseudo-terminal.
func pseudoTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// On a terminal, drain shows one live line and removes it at the end.
func TestDrainOnATerminal(t *testing.T) {
	s := startStoring(t, nil)
	ours, theirs := pseudoTerminal(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, "drain", "--folder", s.folder, "--limit", "2500ms")
	command.Env = []string{processVariable + "=1", "GORACE=atexit_sleep_ms=0"}
	command.Stderr = theirs
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(ours) // fails when the other end is closed
		shown <- string(text)
	}()
	stdout, err := command.Output()
	if err != nil || !strings.Contains(string(stdout), `"ended":"limit"`) {
		t.Errorf("got %q, %v; want the limit", stdout, err)
	}
	_ = theirs.Close()
	got := <-shown
	lines := strings.Split(got, "\r")
	if len(lines) < 5 || lines[0] != "" || !strings.HasPrefix(lines[1], "nx-azure-cache: storing 1 result, ") || !strings.HasSuffix(got, "\r\x1b[K") || strings.Contains(got, "\n") {
		t.Errorf("got %q, want one live line that is removed at the end", got)
	}
	s.checkGone(t, 0)
}
