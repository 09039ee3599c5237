//go:build unix

package main

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A signal ends the process with exit code 0 and an empty stderr.
func TestProcess(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) { checkEnd(t, signal) })
	}
}

func checkEnd(t *testing.T, signal os.Signal) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve-blobs", "--port", "0")
	cmd.Env = append(os.Environ(), "NX_AZURE_BENCH_TEST_MAIN=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	if status, _ := send(t.Context(), t, http.MethodGet, url+"/-/stats", ""); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("got %v and on stderr %q, want neither", err, stderr.String())
	}
}
