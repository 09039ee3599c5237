package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// process is the command as Nx starts it.
type process struct {
	*exec.Cmd
	t      *testing.T
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr *output
}

// startProcess starts the command with these environment variables only.
func startProcess(t *testing.T, environment testenv.Env, args ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, executable, environment, args...)
}

func startProgram(t *testing.T, executable string, environment testenv.Env, args ...string) (p *process) {
	t.Helper()
	p = &process{Cmd: exec.CommandContext(t.Context(), executable, args...), t: t, stderr: new(output)}
	p.Env = []string{
		processVariable + "=1",
		"GORACE=atexit_sleep_ms=0",
		"HOME=" + t.TempDir(),
		"SystemRoot=" + os.Getenv("SystemRoot"),
	}
	for name, value := range testenv.Offline {
		p.Env = append(p.Env, name+"="+value)
	}
	for name, value := range environment {
		p.Env = append(p.Env, name+"="+value)
	}
	p.Stderr = p.stderr
	var err error
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.stdout, err = p.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// exit waits for the end of the process and returns its exit code, -1 for a
// signal.
func (p *process) exit() int {
	p.t.Helper()
	// Kill a hanging process, so that the test need not guess which pipe it waits for.
	timer := time.AfterFunc(cachetest.Patience, func() {
		p.t.Error("the process does not end")
		_ = p.Process.Kill()
	})
	defer timer.Stop()
	if err := p.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			p.t.Fatal(err)
		}
	}
	return p.ProcessState.ExitCode()
}

// pipes is a process's stdin and stdout as one stream.
type pipes struct {
	io.Reader
	io.WriteCloser
}

func (p *process) session() *session {
	return newSession(p.t, pipes{p.stdout, p.stdin})
}

func TestProcessEndsWithItsStdin(t *testing.T) {
	p := startProcess(t, nil, "serve")
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(p.stdout)
	if len(rest) > 0 || err != nil {
		t.Errorf("got %q and %v on stdout, want nothing", rest, err)
	}
	if code := p.exit(); code != 0 || p.stderr.String() != "" {
		t.Errorf("got the exit code %d and %q on stderr, want 0 and nothing", code, p.stderr)
	}
}

func TestHealthyProcess(t *testing.T) {
	p := startProcess(t, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")}, "serve")
	s := p.session()
	if got, warnings := s.initialize(testenv.GoodConfig); !got.Enabled || len(warnings) > 0 {
		t.Errorf("got %+v and %q, want a cache and no warning", got, warnings)
	}
	if err := s.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Error(err)
	}
	s.Close()
	if code := p.exit(); code != 0 || p.stderr.String() != "" {
		t.Errorf("got the exit code %d and %q on stderr, want 0 and nothing", code, p.stderr)
	}
}

func TestProcessReceivesJunk(t *testing.T) {
	for name, text := range map[string]string{
		"words":                "Hello!\r\n\r\n",
		"not JSON":             "Content-Length: 5\r\n\r\nHello",
		"a truncated message":  "Content-Length: 500\r\n\r\n{",
		"a message for humans": "serve\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t, nil, "serve")
			// The process may end before the test has written everything.
			_, _ = io.WriteString(p.stdin, text)
			_ = p.stdin.Close()
			if rest, _ := io.ReadAll(p.stdout); len(rest) > 0 {
				t.Errorf("got %q on stdout, want nothing", rest)
			}
			code := p.exit()
			got := p.stderr.String()
			if code != 1 || !strings.HasPrefix(got, "nx-azure-cache: protocol: ") || strings.Count(got, "\n") != 1 {
				t.Errorf("got the exit code %d and %q on stderr, want 1 and one line", code, got)
			}
		})
	}
}

func TestProcessWithAnUnknownCommand(t *testing.T) {
	p := startProcess(t, nil, "frobnicate")
	code := p.exit()
	got := p.stderr.String()
	if want := "nx-azure-cache: unknown command \"frobnicate\"; commands are "; code != 2 || !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("got the exit code %d and %q, want 2, %q and the usage", code, got, want)
	}
}

func TestProcessLogs(t *testing.T) {
	secrets := testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: refusingStorage(t)}
	path := filepath.Join(t.TempDir(), "log")
	for name, test := range map[string]struct {
		environment testenv.Env
		stderr      bool
	}{
		"to stderr": {testenv.Env{logVariable: "debug"}, true},
		"to a file": {testenv.Env{logVariable: "debug", logFileVariable: path}, false},
	} {
		t.Run(name, func(t *testing.T) {
			maps.Copy(test.environment, secrets)
			p := startProcess(t, test.environment, "serve")
			s := p.session()
			work(t, s)
			s.Close()
			if code := p.exit(); code != 0 {
				t.Errorf("got the exit code %d, want 0", code)
			}
			got := p.stderr.String()
			if !test.stderr {
				if got != "" {
					t.Errorf("got %q on stderr, want nothing", got)
				}
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got = string(data)
			}
			if !strings.Contains(got, "shutdown") || !strings.Contains(got, "retrieve") {
				t.Errorf("got the log %q, want all requests", got)
			}
			if strings.Contains(got, testenv.AccountKey) || strings.Contains(got, secrets[license.Variable][:40]) {
				t.Errorf("got the log %q, which has a secret", got)
			}
		})
	}
}

// A client may disconnect without shutdown, which is not an error.
func TestProcessLosesItsClient(t *testing.T) {
	p := startProcess(t, testenv.Env{config.ModeVariable: "no-cache"}, "serve")
	if err := p.stdout.Close(); err != nil {
		t.Fatal(err)
	}
	const request = "Content-Length: 40\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	if _, err := io.WriteString(p.stdin, strings.Repeat(request, 100)); err != nil {
		t.Fatal(err)
	}
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 || p.stderr.String() != "" {
		t.Errorf("got the exit code %d and %q on stderr, want 0 and nothing", code, p.stderr)
	}
}
