package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// refusingStorage returns a connection string of a storage that responds to every request
// with 403.
func refusingStorage(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-error-code", "AuthenticationFailed")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	return testenv.ConnectionStringFor(server.Listener.Addr().String())
}

// work sends all requests of a session. All of them fail.
func work(t *testing.T, s *session) {
	t.Helper()
	s.initialize(`{"container": "artifacts"}`)
	if err := s.Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: t.TempDir()}, nil); err == nil {
		t.Fatal("retrieve: got no error")
	}
	s.store(t)
	if got := <-s.stored; got.Outcome != cache.OutcomeFailed {
		t.Fatalf("stored: got %+v, want %q", got, cache.OutcomeFailed)
	}
	if err := s.Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "../1"}, nil); err == nil {
		t.Fatal("retrieve: got no error")
	}
	if err := s.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestLog(t *testing.T) {
	secrets := testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: refusingStorage(t)}
	for name, test := range map[string]struct {
		level string
		want  bool // a line for each request
	}{
		"unset":               {"", false},
		"warn":                {"warn", false},
		"info":                {"info", false},
		"debug":               {"debug", true},
		"in another spelling": {" DEBUG\n", true},
		"an unknown level":    {"trace", false},
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.Env{logVariable: test.level}
			for key, value := range secrets {
				environment[key] = value
			}
			s, stderr := serveWith(t, environment)
			work(t, s)
			s.end()
			got := stderr.String()
			if !test.want && got != "" {
				t.Errorf("got the log %q, want none", got)
			}
			for _, method := range []string{"initialize", "retrieve", "store"} {
				if test.want && !strings.Contains(got, "method="+method) {
					t.Errorf("got the log %q, want it to contain %s", got, method)
				}
			}
			for what, secret := range map[string]string{"key": testenv.AccountKey, "license": secrets[license.Variable][:40]} {
				if strings.Contains(got, secret) {
					t.Errorf("got the log %q, which has the %s", got, what)
				}
			}
		})
	}
}

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("{\"level\":\"debug\",\"message\":\"earlier\",\"method\":\"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, stderr := serveWith(t, testenv.Env{
		logVariable: "debug", logFileVariable: path,
		license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: refusingStorage(t),
	})
	work(t, s)
	s.end()
	if stderr.String() != "" {
		t.Errorf("got %q on stderr, want nothing", stderr)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var methods []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.Contains(lines.Text(), testenv.AccountKey) {
			t.Errorf("got %s, which has the key", lines.Text())
		}
		var line struct{ Level, Message, Method string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Level != "debug" {
			t.Errorf("got the line %s: %v", lines.Text(), err)
		}
		if line.Message == "rpc" || line.Message == "earlier" {
			methods = append(methods, line.Method)
		}
	}
	if got, want := strings.Join(methods, " "), " initialize retrieve store retrieve shutdown"; got != want {
		t.Errorf("got the methods %q, want %q", got, want)
	}
}

// Wrong log settings cause warnings that users see, and the cache still works.
func TestWrongLogSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "missing", "log")
	for name, test := range map[string]struct {
		environment testenv.Env
		want        []string
	}{
		"an unknown level":               {testenv.Env{logVariable: "Trace"}, []string{`NX_AZURE_CACHE_LOG is "Trace"; allowed are debug, info and warn`}},
		"a file that cannot be opened":   {testenv.Env{logFileVariable: file}, []string{"NX_AZURE_CACHE_LOG_FILE: open " + file}},
		"a folder instead of a file":     {testenv.Env{logFileVariable: t.TempDir()}, []string{"NX_AZURE_CACHE_LOG_FILE: open "}},
		"both":                           {testenv.Env{logVariable: "x", logFileVariable: file}, []string{"NX_AZURE_CACHE_LOG is", "NX_AZURE_CACHE_LOG_FILE: "}},
		"a valid level and a blank file": {testenv.Env{logVariable: "info", logFileVariable: " "}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			test.environment[license.Variable] = testenv.License(t, "valid.jwt")
			s, stderr := serveWith(t, test.environment)
			got, warnings := s.initialize(testenv.GoodConfig)
			if !got.Enabled {
				t.Errorf("got %+v, want a cache", got)
			}
			if len(warnings) != len(test.want) {
				t.Fatalf("got the warnings %q, want %q", warnings, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(warnings[i], want) {
					t.Errorf("got the warning %q, want %q", warnings[i], want)
				}
			}
			if stderr.String() != "" {
				t.Errorf("got %q on stderr, want nothing", stderr)
			}
		})
	}
}
