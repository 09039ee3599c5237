package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// TestMain runs the command itself if processVariable is set, so that tests can start the
// command as a process without building it.
func TestMain(m *testing.M) {
	if os.Getenv(processVariable) != "" {
		main()
		return
	}
	for name, value := range testenv.Offline {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const processVariable = "NX_AZURE_CACHE_TEST_PROCESS"

// output is a bytes.Buffer for several goroutines. It can be closed.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

func (*output) Close() error { return nil }

// ignoreNothing does not change how the test's own process handles signals.
func ignoreNothing(...os.Signal) {}

// runWith runs a command line on an empty stdin.
func runWith(t *testing.T, environment testenv.Env, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut output
	err = run(t.Context(), args, stdio{
		stdin:  io.NopCloser(strings.NewReader("")),
		stdout: &out,
		stderr: &errOut,
		getenv: environment.Get,
		ignore: ignoreNothing,
	})
	return out.String(), errOut.String(), err
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		stdout, stderr, err := runWith(t, nil, arg)
		if want := "nx-azure-cache version " + version + "\n"; stdout != want || stderr != "" || err != nil {
			t.Errorf("%s: got %q, %q and %v, want %q", arg, stdout, stderr, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{"nothing": {}, "--help": {"--help"}, "help": {"help"}} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := runWith(t, nil, args...)
			if stderr != "" || err != nil {
				t.Errorf("got %q and %v, want neither", stderr, err)
			}
			for _, want := range []string{"Azure Blob Storage", "nx add @nx/powerpack-azure-cache@npm:nx-azure-cache", "serve", "version"} {
				if !strings.Contains(stdout, want) {
					t.Errorf("got %q, want it to name %q", stdout, want)
				}
			}
			if strings.Contains(stdout, "completion") {
				t.Errorf("got %q, want no command completion", stdout)
			}
		})
	}
	t.Run("of serve", func(t *testing.T) {
		stdout, _, err := runWith(t, nil, "serve", "--help")
		if err != nil || !strings.Contains(stdout, logVariable+"=debug") || !strings.Contains(stdout, logFileVariable) {
			t.Errorf("got %q and %v, want the variables of the log", stdout, err)
		}
	})
}

func TestWrongCommandLines(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown command":             {"frobnicate"},
		"an unknown flag":                {"--frobnicate"},
		"an unknown flag of a command":   {"serve", "--frobnicate"},
		"unexpected arguments":           {"serve", "frobnicate"},
		"arguments of version":           {"version", "frobnicate"},
		"the removed command completion": {"completion", "frobnicate"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := runWith(t, nil, args...)
			if err == nil || stdout != "" || stderr != "" {
				t.Fatalf("got %q, %q and %v, want only an error", stdout, stderr, err)
			}
			if args[0] != "completion" && !strings.Contains(err.Error(), "frobnicate") {
				t.Errorf("got %v, want it to name the wrong argument", err)
			}
		})
	}
}

func TestServeWithoutInput(t *testing.T) {
	stdout, stderr, err := runWith(t, nil, "serve")
	if stdout != "" || stderr != "" || err != nil {
		t.Errorf("got %q, %q and %v, want none", stdout, stderr, err)
	}
}

// session is a client of `serve` in this process or another.
type session struct {
	*jsonrpc2.Conn
	t      *testing.T
	logs   chan rpc.LogParams
	stored chan rpc.StoredParams
	end    func() // ends a server in this process
}

func newSession(t *testing.T, stream io.ReadWriteCloser) *session {
	s := &session{t: t, logs: make(chan rpc.LogParams, 100), stored: make(chan rpc.StoredParams, 1000)}
	s.Conn = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewBufferedStream(stream, jsonrpc2.VSCodeObjectCodec{}), s, jsonrpc2.SetLogger(s))
	return s
}

// Handle receives the server's notifications.
func (s *session) Handle(_ context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) {
	switch req.Method {
	case "log":
		notified(s, s.logs, *req.Params)
	case "stored":
		notified(s, s.stored, *req.Params)
	case "progress":
	default:
		s.t.Errorf("got the notification %s %s", req.Method, *req.Params)
	}
}

func notified[T any](s *session, to chan<- T, text json.RawMessage) {
	var params T
	if err := json.Unmarshal(text, &params); err != nil {
		s.t.Errorf("got the notification %s: %v", text, err)
	}
	to <- params
}

func (*session) Printf(string, ...any) {}

// initialize returns the result and the warnings that came before it.
func (s *session) initialize(config string) (result rpc.InitializeResult, warnings []string) {
	s.t.Helper()
	if err := s.Call(s.t.Context(), "initialize", initializeParams(s.t.TempDir(), config), &result); err != nil {
		s.t.Fatal(err)
	}
	for range len(s.logs) {
		warnings = append(warnings, (<-s.logs).Message)
	}
	return result, warnings
}

func initializeParams(workspaceRoot, config string) rpc.InitializeParams {
	return rpc.InitializeParams{
		ProtocolVersion: rpc.ProtocolVersion,
		ClientVersion:   version,
		ProcessID:       os.Getpid(),
		WorkspaceRoot:   workspaceRoot,
		NxVersion:       "24.0.6",
		Config:          json.RawMessage(config),
	}
}

// serveWith serves in this process, until the test ends.
func serveWith(t *testing.T, environment testenv.Env) (s *session, stderr *output) {
	t.Helper()
	ours, theirs := net.Pipe()
	stderr = new(output)
	served := make(chan error, 1)
	go func() {
		served <- run(t.Context(), []string{"serve"}, stdio{
			stdin: theirs, stdout: theirs, stderr: stderr, getenv: environment.Get, ignore: ignoreNothing,
		})
	}()
	s = newSession(t, ours)
	s.end = sync.OnceFunc(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(s.end)
	return s, stderr
}

func TestServe(t *testing.T) {
	s, stderr := serveWith(t, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")})
	got, warnings := s.initialize(testenv.GoodConfig)
	want := rpc.InitializeResult{
		ServerVersion: version,
		Enabled:       true,
		Mode:          "read-write",
		Scope:         "local",
		ScopeReason:   "not in CI",
		Location:      "https://nxcache.blob.core.windows.net/artifacts",
		Session:       got.Session,
		IdleTimeout:   15_000,
		Drain:         60_000,
		Records:       true,
		License:       rpc.LicenseResult{Status: "valid", Organization: "Example GmbH", ExpiresAt: "2126-01-01T00:00:00Z"},
	}
	if got != want || len(warnings) > 0 {
		t.Errorf("got %+v and the warnings %q, want %+v", got, warnings, want)
	}
	if !regexp.MustCompile(fmt.Sprintf(`^%d-[a-z0-9]{8}$`, os.Getpid())).MatchString(got.Session) {
		t.Errorf("got the session %q, want the process's ID and a random word", got.Session)
	}
	if stderr.String() != "" {
		t.Errorf("got %q on stderr, want nothing", stderr)
	}
}

func TestServeReadsTheEnvironment(t *testing.T) {
	const config = `{"container": "artifacts", "accountName": "nxcache", "localMode": "read-only", "ciMode": "no-cache"}`
	for name, test := range map[string]struct {
		ci   bool
		want rpc.InitializeResult
	}{
		"local": {false, rpc.InitializeResult{ServerVersion: version, Enabled: true, Mode: "read-only", Scope: "local", ScopeReason: "not in CI",
			Location: "https://nxcache.blob.core.windows.net/artifacts", Drain: 60_000,
			License: rpc.LicenseResult{Status: "valid", Organization: "Example GmbH", ExpiresAt: "2126-01-01T00:00:00Z"}}},
		"CI": {true, rpc.InitializeResult{ServerVersion: version, Mode: "no-cache", Reason: "the mode is no-cache"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			testenv.WriteLicense(t, root)
			s, _ := serveWith(t, nil)
			params := initializeParams(root, config)
			params.CI = test.ci
			var got rpc.InitializeResult
			if err := s.Call(t.Context(), "initialize", params, &got); err != nil {
				t.Fatal(err)
			}
			test.want.Session, test.want.IdleTimeout = got.Session, got.IdleTimeout
			test.want.Records = got.Enabled
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if (got.Session != "") != got.Enabled || (got.IdleTimeout != 0) != got.Enabled {
				t.Errorf("got %+v, want a session and an idle timeout if there is a cache", got)
			}
		})
	}
}

func TestUnreachableStorage(t *testing.T) {
	s, log := serveWith(t, testenv.Env{
		license.Variable:          testenv.License(t, "valid.jwt"),
		config.ConnectionVariable: testenv.DeadPort(t),
		logVariable:               "debug",
	})
	if got, _ := s.initialize(`{"container": "artifacts"}`); !got.Enabled {
		t.Fatalf("got %+v, want a cache", got)
	}
	started := time.Now()
	check := func(what string, code int64, message string) {
		if code != rpc.CodeUnavailable || !strings.Contains(message, "127.0.0.1") || strings.Contains(message, testenv.AccountKey) {
			t.Errorf("%s: got %d %s, want the code %d and the address without the key", what, code, message, rpc.CodeUnavailable)
		}
	}
	err := s.Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: t.TempDir()}, nil)
	wire, ok := err.(*jsonrpc2.Error)
	if !ok {
		t.Fatalf("retrieve: got %v, want a response with an error", err)
	}
	check("retrieve", wire.Code, wire.Message)
	if got := s.store(t); !got.Queued {
		t.Fatalf("store: got %+v, want it queued", got)
	}
	stored := <-s.stored
	if stored.Outcome != cache.OutcomeFailed || stored.Code == nil {
		t.Fatalf("stored: got %+v, want %q and a code", stored, cache.OutcomeFailed)
	}
	check("stored", *stored.Code, stored.Reason)
	s.end()
	if got := log.String(); !strings.Contains(got, "refused") || strings.Contains(got, testenv.AccountKey) {
		t.Errorf("got the log %q, want the failed requests, without the key", got)
	}
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %s, want a few seconds", took)
	}
}
