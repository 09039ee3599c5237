//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// startRun starts a server for a run, and sends initialize.
func startRun(t *testing.T, run testenv.Env, block string) *storing {
	t.Helper()
	s := &storing{dir: t.TempDir()}
	var connection string
	s.storage, connection = testenv.StartStorage(t)
	s.process = startProcess(t, testenv.With(run, testenv.Env{
		license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection,
	}), "serve")
	s.session = s.process.session()
	params := initializeParams(t.TempDir(), block)
	params.CI = len(run) > 0
	var got rpc.InitializeResult
	if err := s.Call(t.Context(), "initialize", params, &got); err != nil || !got.Records {
		t.Fatalf("got %+v, %v", got, err)
	}
	s.folder = scratch.FolderPath(s.dir, got.Session)
	return s
}

// handOver hands over a run with one task.
func (s *storing) handOver(t *testing.T, content string) {
	t.Helper()
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.folder, rpc.HandOverName), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Notify(t.Context(), "runEnded", rpc.RunEndedParams{CacheDirectory: s.dir}); err != nil {
		t.Fatal(err)
	}
}

const oneTask = `{"names": ["env:TOKEN"], "inputs": [[0, "correct horse"]], "tasks": [{"id": "a:build", "hash": "1", "status": "success", "cache": true, "inputs": [0]}]}`

// lastRun reads the record in the cache directory.
func (s *storing) lastRun(t *testing.T) (body []byte, record *runs.Record) {
	t.Helper()
	file := filepath.Join(filepath.Dir(s.folder), "last-run")
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("got the mode %v, %v", info.Mode(), err)
	}
	if record, err = runs.Decode(body); err != nil {
		t.Fatal(err)
	}
	return body, record
}

// A run in CI stores a signed record, and drain waits for it.
func TestRecordInCI(t *testing.T) {
	key := testenv.NewSigningKey(t)
	block, err := json.Marshal(map[string]any{"container": testenv.Container, "trust": map[string]any{"publicKeys": []string{key.Public().String()}}})
	if err != nil {
		t.Fatal(err)
	}
	s := startRun(t, testenv.With(testenv.MainRun, testenv.Env{
		"CI": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": strings.Repeat("ab", 20), trust.SigningKeyVariable: string(key.PEM()),
	}), string(block))
	s.handOver(t, oneTask)
	got, stderr := drainIt(t, s.folder, "1m")
	if got.Ended != "stored" || got.RecordProblem != "" || stderr != "" {
		t.Errorf("got %+v and %q", got, stderr)
	}
	names := s.stored()
	if len(names) != 1 || !strings.HasPrefix(names[0], "v1/trusted/runs/") {
		t.Fatalf("got the blobs %q", names)
	}
	local, record := s.lastRun(t)
	blob, _ := s.storage.Service.Blob(testenv.Container, names[0])
	verifier, err := trust.NewVerifier([]trust.PublicKey{key.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(local, blob.Body) {
		t.Error("the local record is another one")
	}
	metadata := make(cache.Metadata)
	for name := range blob.Metadata {
		metadata[strings.ToLower(name)] = blob.Metadata.Get(name)
	}
	if err := runs.Verify(names[0], blob.Body, metadata, verifier); err != nil {
		t.Error(err)
	}
	if record.Source.Commit != strings.Repeat("ab", 20) || record.Source.Repository != "acme/shop" || record.Scope != trust.Trusted || !record.CI || record.Tool != "nx-azure-cache "+version {
		t.Errorf("got %+v", record)
	}
	s.Close()
	if code := s.exit(); code != 0 || s.stderr.String() != "" {
		t.Errorf("got the exit code %d and %q", code, s.stderr)
	}
}

// A record costs one request, and only if the settings store it.
func TestRecordIsOneRequest(t *testing.T) {
	pull := testenv.With(testenv.PullRun, testenv.Env{"CI": "true"})
	for name, test := range map[string]struct {
		run   testenv.Env
		block string
		want  int
	}{
		"in CI":                             {pull, `{"container": "artifacts"}`, 1},
		"in CI, all":                        {pull, `{"container": "artifacts", "records": "all"}`, 1},
		"in CI, none":                       {pull, `{"container": "artifacts", "records": "none"}`, 0},
		"in CI, read-only":                  {pull, `{"container": "artifacts", "ciMode": "read-only"}`, 0},
		"in CI, a scope that no run writes": {testenv.With(testenv.TagRun, testenv.Env{"CI": "true"}), `{"container": "artifacts", "records": "all"}`, 0},
		"a developer":                       {nil, `{"container": "artifacts"}`, 0},
		"a developer, all":                  {nil, `{"container": "artifacts", "records": "all"}`, 1},
		"a developer, all, read-only":       {nil, `{"container": "artifacts", "records": "all", "localMode": "read-only"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := startRun(t, test.run, test.block)
			s.handOver(t, oneTask)
			if err := s.Call(t.Context(), "shutdown", nil, nil); err != nil {
				t.Fatal(err)
			}
			puts := slices.DeleteFunc(s.storage.TakeRequests(), func(request string) bool { return !strings.HasPrefix(request, "PUT") })
			if len(puts) != test.want || len(s.stored()) != test.want {
				t.Errorf("got the requests %q and the blobs %q, want %d", puts, s.stored(), test.want)
			}
			s.lastRun(t) // in any case
		})
	}
}

// No one waits for the record of a developer's run.
func TestNoOneWaitsForALocalRecord(t *testing.T) {
	s := startRun(t, nil, `{"container": "artifacts", "records": "all"}`)
	s.storage.Behave(http.MethodPut, &testenv.StorageRule{Action: "hold", Left: -1})
	s.handOver(t, oneTask)
	<-s.storage.Held[http.MethodPut]
	if got, _ := drainIt(t, s.folder, "1m"); got.Ended != "stored" || got.Recording || got.RecordProblem != "" {
		t.Errorf("got %+v", got)
	}
	s.storage.Release()
}

// If only the record is left at the limit, all results are stored, and the server goes on.
func TestDrainWithOnlyTheRecordLeft(t *testing.T) {
	s := startRun(t, testenv.With(testenv.MainRun, testenv.Env{"CI": "true"}), `{"container": "artifacts"}`)
	s.storage.Behave(http.MethodPut, &testenv.StorageRule{Action: "hold", Left: -1})
	s.handOver(t, oneTask)
	<-s.storage.Held[http.MethodPut]
	got, _ := drainIt(t, s.folder, "100ms")
	const want = "the record of this run is not stored: the time limit azure.timeouts.drain has passed; raise it in nx.json to wait longer"
	if got.Ended != "stored" || got.Waiting != 0 || got.RecordProblem != want {
		t.Errorf("got %+v", got)
	}
	s.storage.Release()
	if got, _ := drainIt(t, s.folder, "1m"); got.Ended != "stored" || got.RecordProblem != "" || len(s.stored()) != 1 {
		t.Errorf("later: got %+v", got)
	}
}

// A record that cannot be stored is one line, with the reason.
func TestRecordThatIsRejected(t *testing.T) {
	s := startRun(t, testenv.With(testenv.MainRun, testenv.Env{"CI": "true"}), `{"container": "artifacts"}`)
	s.storage.Behave(http.MethodPut, &testenv.StorageRule{Action: "403", Code: "AuthorizationPermissionMismatch", Left: -1})
	s.handOver(t, oneTask)
	got, _ := drainIt(t, s.folder, "1m")
	if !strings.HasPrefix(got.RecordProblem, "the record of this run is not stored: ") || strings.Contains(got.RecordProblem, "\n") || got.Problems != nil {
		t.Errorf("got %+v", got)
	}
	s.lastRun(t) // is kept
}

// last-run replaces a file, and nothing else.
func TestLastRunReplacesOnlyAFile(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path, outside string) error
		isOK bool
	}{
		"an earlier record": {func(path, _ string) error { return os.WriteFile(path, []byte("old"), 0o644) }, true},
		"a link":            {func(path, outside string) error { return os.Symlink(outside, path) }, false},
		"a folder":          {func(path, _ string) error { return os.Mkdir(path, 0o700) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			outside := filepath.Join(t.TempDir(), "outside")
			if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := startRun(t, testenv.With(testenv.MainRun, testenv.Env{"CI": "true"}), `{"container": "artifacts"}`)
			path := filepath.Join(filepath.Dir(s.folder), "last-run")
			if err := os.MkdirAll(s.folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := test.make(path, outside); err != nil {
				t.Fatal(err)
			}
			s.handOver(t, oneTask)
			got, _ := drainIt(t, s.folder, "1m")
			if isOK := got.RecordProblem == ""; isOK != test.isOK {
				t.Errorf("got %+v", got)
			}
			if content, err := os.ReadFile(outside); string(content) != "untouched" || err != nil {
				t.Errorf("got %q, %v outside", content, err)
			}
			if test.isOK {
				s.lastRun(t)
			}
			if len(s.stored()) != 1 {
				t.Errorf("got the blobs %q, want the record in any case", s.stored())
			}
		})
	}
}

// largeHandOver is the hand-over of a run with so many tasks, each with 100 inputs.
func largeHandOver(tasks int) string {
	var names, inputs, all []string
	for i := range tasks {
		names = append(names, fmt.Sprintf(`"project-%d:{projectRoot}/**/*"`, i))
		inputs = append(inputs, fmt.Sprintf(`[%d,"%d"]`, i, 1234567890123+i))
		indices := make([]string, 100)
		for j := range indices {
			indices[j] = fmt.Sprint((i + j) % tasks)
		}
		all = append(all, fmt.Sprintf(`{"id":"project-%d:build","hash":"%d","status":"success","cache":true,"started":1795963529506,"ended":1795963530802,"inputs":[%s]}`,
			i, 1000+i, strings.Join(indices, ",")))
	}
	return fmt.Sprintf(`{"names":[%s],"inputs":[%s],"tasks":[%s]}`, strings.Join(names, ","), strings.Join(inputs, ","), strings.Join(all, ","))
}
