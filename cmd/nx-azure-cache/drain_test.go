//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/drain"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// storing is a server process with one result, whose upload is held.
type storing struct {
	*process
	*session
	storage *testenv.Storage
	dir     string // cache directory
	folder  string
}

func startStoring(t *testing.T, more testenv.Env) *storing {
	t.Helper()
	s := new(storing)
	var connection string
	s.storage, connection = testenv.StartStorage(t)
	s.storage.Behave(http.MethodPut, &testenv.StorageRule{Action: "hold", Left: -1})
	environment := testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection}
	for name, value := range more {
		environment[name] = value
	}
	s.process = startProcess(t, environment, "serve")
	s.session = s.process.session()
	initialized, _ := s.initialize(`{"container": "artifacts"}`)
	result := newResult(t)
	if err := os.WriteFile(filepath.Join(result.CacheDirectory, "1", "noise"), []byte(strings.Repeat("0123456789", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(t.Context(), "store", result, nil); err != nil {
		t.Fatal(err)
	}
	<-s.storage.Held[http.MethodPut]
	s.dir = result.CacheDirectory
	s.folder = scratch.FolderPath(s.dir, initialized.Session)
	return s
}

// checkGone fails unless the server ends with a code and leaves no files.
func (s *storing) checkGone(t *testing.T, code int) {
	t.Helper()
	if got := s.exit(); got != code || s.stderr.String() != "" {
		t.Errorf("got the exit code %d and %q on stderr, want %d and nothing", got, s.stderr, code)
	}
	if _, err := os.Lstat(filepath.Dir(s.folder)); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing left", err)
	}
}

// stored returns the names of the stored blobs.
func (s *storing) stored() []string { return s.storage.Service.Names(testenv.Container) }

// drainIt runs drain in this process.
func drainIt(t *testing.T, folder, limit string) (result drain.Result, stderr string) {
	t.Helper()
	stdout, stderr, err := runWith(t, nil, "drain", "--folder", folder, "--limit", limit)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatalf("got %q: %v", stdout, err)
	}
	return result, stderr
}

func TestDrainUntilAllIsStored(t *testing.T) {
	s := startStoring(t, nil)
	time.AfterFunc(200*time.Millisecond, s.storage.Release)
	got, stderr := drainIt(t, s.folder, "1m")
	if got.Ended != "stored" || got.Waiting != 0 || got.Bytes != 0 || got.Summary.Stored != 1 || got.ProcessID != s.Process.Pid || got.Problems != nil {
		t.Errorf("got %+v, want it stored", got)
	}
	if stderr != "" {
		t.Errorf("got %q, want no line for so short a wait", stderr)
	}
	if got, _ := drainIt(t, s.folder, "1m"); got.Ended != "stored" || got.Summary.Stored != 1 {
		t.Errorf("again: got %+v, want the same result", got)
	}
	s.Close()
	s.checkGone(t, 0)
}

// The result also contains the outcomes of the uploads.
func TestDrainReportsProblems(t *testing.T) {
	s := startStoring(t, nil)
	s.storage.Behave(http.MethodPut, &testenv.StorageRule{Action: "403", Code: "AuthorizationFailure", Left: -1})
	var got rpc.StoreResult
	second := newResult(t)
	second.Hash, second.CacheDirectory = "2", s.dir
	if err := os.Mkdir(filepath.Join(s.dir, "2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(t.Context(), "store", second, &got); err != nil || !got.Queued {
		t.Fatal(got, err)
	}
	s.storage.Release()
	result, _ := drainIt(t, s.folder, "1m")
	if result.Ended != "stored" || result.Summary.Stored != 1 || result.Summary.Failed != 1 || len(result.Problems) != 1 {
		t.Fatalf("got %+v, want one stored and one failed", result)
	}
	if got := result.Problems[0]; got.Hash != "2" || got.Code == nil || *got.Code != rpc.CodeMisconfigured || !strings.Contains(got.Reason, "AuthorizationFailure") {
		t.Errorf("got %+v, want the reason", got)
	}
}

func TestDrainOfAnEndedServer(t *testing.T) {
	s := startStoring(t, nil)
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.exit()
	got, _ := drainIt(t, s.folder, "1m")
	if got.Ended != "gone" || got.Waiting != 1 || got.ProcessID != s.Process.Pid {
		t.Errorf("got %+v, want it gone, with the number of results left", got)
	}
	if err := os.RemoveAll(s.folder); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{s.folder, filepath.Join(t.TempDir(), "never", "was")} {
		if got, stderr := drainIt(t, folder, "1m"); got.Ended != "gone" || got.ProcessID != -1 || stderr != "" {
			t.Errorf("got %+v and %q, want it gone", got, stderr)
		}
	}
}

// When the limit is over, drain asks the server to end, and the server cleans up.
func TestDrainLimit(t *testing.T) {
	s := startStoring(t, nil)
	got, _ := drainIt(t, s.folder, "300ms")
	if got.Ended != "limit" || got.Waiting != 1 || got.Summary.Stored != 0 {
		t.Errorf("got %+v, want the limit, with the number of results left", got)
	}
	s.checkGone(t, 0)
	if names := s.stored(); len(names) > 0 {
		t.Errorf("stored %v, want nothing", names)
	}
}

// A server with a full disk publishes no state, and drain leaves it alone.
func TestDrainWithoutAState(t *testing.T) {
	c, dir := closingCache(t), t.TempDir()
	defer c.Close(t.Context())
	_, _ = c.Retrieve(t.Context(), "404", dir) // creates its folder
	if got, stderr := drainIt(t, scratch.FolderPath(dir, c.Session()), "1m"); got.Ended != "unknown" || got.ProcessID != -1 || stderr != "" {
		t.Errorf("got %+v and %q, want it unknown", got, stderr)
	}
}

// With the limit 0, drain does not wait.
func TestDrainLimitOfZero(t *testing.T) {
	s := startStoring(t, nil)
	if got, stderr := drainIt(t, s.folder, "0s"); got.Ended != "limit" || stderr != "" {
		t.Errorf("got %+v and %q, want the limit", got, stderr)
	}
	s.checkGone(t, 0)
}

// An unresponsive server is killed.
func TestDrainOfAHungServer(t *testing.T) {
	s := startStoring(t, nil)
	if err := s.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got, _ := drainIt(t, s.folder, "300ms"); got.Ended != "limit" || got.Waiting != 1 {
		t.Errorf("got %+v, want the limit, with the number of results left", got)
	}
	if code := s.exit(); code != -1 {
		t.Errorf("got the exit code %d, want a signal", code)
	}
	server, err := scratch.Visit(s.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if alive, err := server.Alive(); alive || err != nil {
		t.Error("the lock is still held")
	}
	visited := closingCache(t)
	_, _ = visited.Retrieve(t.Context(), "404", s.dir) // a miss, which sweeps
	visited.Close(t.Context())
	if _, err := os.Lstat(filepath.Dir(s.folder)); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing left after the next run", err)
	}
}

// closingCache returns a cache on empty storage.
func closingCache(t *testing.T) *cache.Cache {
	t.Helper()
	_, connection := testenv.StartStorage(t)
	session := openSession(rpc.InitializeParams{Config: json.RawMessage(`{"container": "artifacts"}`), WorkspaceRoot: t.TempDir()},
		testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection}.Get, testenv.During)
	if session.Cache == nil {
		t.Fatal(session.Reason)
	}
	return session.Cache
}

// People who do not want to wait press Ctrl-C. The server continues.
func TestInterruptedDrain(t *testing.T) {
	for name, signal := range map[string]os.Signal{"by Ctrl-C": syscall.SIGINT, "by SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			s := startStoring(t, nil)
			p := startProcess(t, nil, "drain", "--folder", s.folder, "--limit", "1m")
			for p.stderr.String() == "" { // drain has begun to wait
				time.Sleep(10 * time.Millisecond)
			}
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			var got drain.Result
			if err := json.NewDecoder(p.stdout).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if code := p.exit(); code != 0 || got.Ended != "interrupted" || got.Waiting != 1 {
				t.Errorf("got %+v and the exit code %d, want it interrupted", got, code)
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

// Without a terminal, drain prints one line.
func TestDrainReportsOnce(t *testing.T) {
	s := startStoring(t, nil)
	_, stderr := drainIt(t, s.folder, "2500ms")
	// All bytes are sent and only the response is missing, so none are on the way.
	if want := regexp.MustCompile(`^nx-azure-cache: storing 1 result, [12]s left\n$`); !want.MatchString(stderr) {
		t.Errorf("got %q, want %s", stderr, want)
	}
	s.checkGone(t, 0)
}

func TestDrainHelp(t *testing.T) {
	stdout, stderr, err := runWith(t, nil, "drain", "--help")
	for _, want := range []string{"--folder", "--limit", "1m0s", "--silence", "15s", "--parent", "<cacheDirectory>/.nx-azure-cache/<session>", "JSON"} {
		if !strings.Contains(stdout, want) || stderr != "" || err != nil {
			t.Errorf("got %q, %q and %v, want %q", stdout, stderr, err, want)
		}
	}
	for name, args := range map[string][]string{
		"no folder":        {"drain"},
		"an invalid limit": {"drain", "--folder", "/x", "--limit", "10"},
		"arguments":        {"drain", "--folder", "/x", "y"},
	} {
		if stdout, _, err := runWith(t, nil, args...); err == nil || stdout != "" {
			t.Errorf("%s: got %q and %v, want an error", name, stdout, err)
		}
	}
}
