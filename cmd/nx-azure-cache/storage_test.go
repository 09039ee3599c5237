package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Every spelling of read-only allows reads and sends no PUT (nx#31535). An invalid mode
// is reported (nx#31144).
func TestF11_every_spelling_on_the_wire(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	const trusted = "/nxcache/artifacts/team/app/v1/trusted/1"
	start := func(t *testing.T, ci bool, mode, variable string) (*session, rpc.InitializeResult) {
		t.Helper()
		s, _ := serveWith(t, testenv.Env{
			license.Variable:          testenv.License(t, "valid.jwt"),
			config.ConnectionVariable: connection,
			config.ModeVariable:       variable,
			trust.RefVariable:         "refs/heads/main", // which applies only in CI
		})
		params := initializeParams(t.TempDir(), `{"container": "artifacts", "prefix": "team/app", `+mode+`}`)
		params.CI = ci
		var got rpc.InitializeResult
		if err := s.Call(t.Context(), "initialize", params, &got); err != nil {
			t.Fatal(err)
		}
		return s, got
	}

	s, _ := start(t, true, `"ciMode": "read-write"`, "")
	if hit := s.retrieve(t.TempDir()); hit != nil {
		t.Errorf("got %+v of an empty storage, want a miss", hit)
	}
	if got, want := s.store(t), (rpc.StoreResult{Queued: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := <-s.stored; got.Outcome != cache.OutcomeStored {
		t.Errorf("got %+v, want %q", got, cache.OutcomeStored)
	}
	if got, want := sorted(storage.TakeRequests()), []string{"GET " + trusted, "PUT " + trusted}; !slices.Equal(got, want) {
		t.Errorf("got the requests %q, want %q", got, want)
	}

	for name, test := range map[string]struct {
		ci             bool
		mode, variable string
	}{
		"localMode read-only":                {false, `"localMode": "read-only"`, ""},
		"localMode read":                     {false, `"localMode": "read"`, ""},
		"ciMode read-only":                   {true, `"ciMode": "read-only"`, ""},
		"ciMode read":                        {true, `"ciMode": "read"`, ""},
		"read-only in the variable":          {false, `"localMode": "read-write"`, "read-only"},
		"read in the variable":               {false, `"localMode": "read-write"`, "read"},
		"read-only in the variable in CI":    {true, `"ciMode": "read-write"`, "read-only"},
		"read in the variable, not no-cache": {true, `"ciMode": "no-cache"`, "read"},
	} {
		t.Run(name, func(t *testing.T) {
			s, got := start(t, test.ci, test.mode, test.variable)
			if !got.Enabled || got.Mode != "read-only" {
				t.Fatalf("got %+v, want a read-only cache", got)
			}
			if hit := s.retrieve(t.TempDir()); hit == nil || *hit.TerminalOutput != "done\n" {
				t.Errorf("got %+v, want a hit", hit)
			}
			if got := s.store(t); got.Queued || !strings.Contains(got.Reason, "read-only") {
				t.Errorf("got %+v, want nothing stored, with the reason", got)
			}
			// The two scopes are requested at once, so a hit in one may cancel the
			// request for the other.
			for _, got := range storage.TakeRequests() {
				if !strings.HasPrefix(got, "GET ") {
					t.Errorf("got the request %q, want only reading", got)
				}
			}
		})
	}

	storage, connection = testenv.StartStorage(t) // which no earlier request can reach
	for place, test := range map[string]struct {
		ci             bool
		mode, variable string
	}{
		"azure.localMode":   {false, `"localMode": "readonly"`, ""},
		"azure.ciMode":      {true, `"ciMode": "readonly"`, ""},
		config.ModeVariable: {false, `"localMode": "read-only"`, "readonly"},
	} {
		t.Run("what is no mode in "+place, func(t *testing.T) {
			_, got := start(t, test.ci, test.mode, test.variable)
			if got.Enabled || !strings.HasPrefix(got.Reason, place+" ") || !strings.Contains(got.Reason, `is "readonly"; allowed are read-write, read-only, read and no-cache`) {
				t.Errorf("got %+v, want no cache, and %s named as the reason", got, place)
			}
			if got := storage.TakeRequests(); len(got) > 0 {
				t.Errorf("got the requests %q, want none", got)
			}
		})
	}
}

// sorted sorts requests, because several are sent at once.
func sorted(requests []string) []string {
	slices.Sort(requests)
	return requests
}

// retrieve retrieves the hash 1.
func (s *session) retrieve(cacheDirectory string) *rpc.RetrieveResult {
	s.t.Helper()
	var result *rpc.RetrieveResult
	err := s.Call(s.t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: cacheDirectory}, &result)
	if err != nil {
		s.t.Fatal(err)
	}
	return result
}

// store stores a result of the hash 1.
func (s *session) store(t *testing.T) (result rpc.StoreResult) {
	t.Helper()
	if err := s.Call(t.Context(), "store", newResult(t), &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// newResult returns the params to store a result of the hash 1.
func newResult(t *testing.T) rpc.StoreParams {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	output, code := "done\n", 0
	return rpc.StoreParams{Hash: "1", CacheDirectory: dir, Code: &code, TerminalOutput: &output}
}

// The connection for the first request is opened in the background, without a request.
func TestConnectionBeforeTheFirstRequest(t *testing.T) {
	opened, requested := make(chan struct{}, 10), make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requested <- struct{}{}
		w.WriteHeader(http.StatusNotFound)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	s, _ := serveWith(t, testenv.Env{
		license.Variable:          testenv.License(t, "valid.jwt"),
		config.ConnectionVariable: testenv.ConnectionStringFor(server.Listener.Addr().String()),
	})
	// One scope, so one request.
	s.initialize(`{"container": "artifacts", "trust": {"isolation": "none"}}`)
	<-opened
	if len(requested) > 0 {
		t.Error("got a request, want none")
	}
	if hit := s.retrieve(t.TempDir()); hit != nil {
		t.Errorf("got %+v, want a miss", hit)
	}
	if len(requested) != 1 || len(opened) > 0 {
		t.Errorf("got %d requests and %d more connections, want one request on the existing connection", len(requested), len(opened))
	}
}

// Opening sends nothing, and an endpoint needs no account name.
func TestEndpoint(t *testing.T) {
	requests := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r.URL.Path }))
	defer server.Close()
	config, err := json.Marshal(map[string]string{"container": "artifacts", "endpoint": server.URL})
	if err != nil {
		t.Fatal(err)
	}
	session := openSession(rpc.InitializeParams{Config: config, CI: false, WorkspaceRoot: t.TempDir()}, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")}.Get, testenv.During)
	if session.Cache == nil {
		t.Errorf("got %+v, want a cache", session)
	}
	select {
	case path := <-requests:
		t.Errorf("got a request for %s, want none", path)
	default:
	}
}
