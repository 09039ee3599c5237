package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestEvictDryRun(t *testing.T) {
	s := newTestInventory(t)
	for i := range 12 {
		s.put(stored{scope: "pr-12", hash: fmt.Sprint(100 + i), body: strings.Repeat("x", 1000)})
	}
	s.put(stored{scope: "trusted", hash: "1"})
	before := s.left()
	stdout, stderr, err := s.run("evict", "--scope", "pr-*")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(stdout, "\n")
	if len(lines) != 13 || !strings.HasPrefix(lines[0], "SCOPE ") || !strings.HasPrefix(lines[10], "pr-12  109   -     1.0 KB ") || lines[11] != "and 2 more" {
		t.Errorf("got\n%s\nwant the first ten and the number of others", stdout)
	}
	if !strings.Contains(stderr, "would delete 12 of 12 entries, 12.0 KB, in http://127.0.0.1:") || !strings.Contains(stderr, "/results/team; run with --yes to delete them") {
		t.Errorf("got %q, want the number that would be deleted", stderr)
	}
	if got := s.left(); !slices.Equal(got, before) {
		t.Errorf("got %q, want all entries", got)
	}
	stdout, stderr, err = s.run("evict", "--scope", "none")
	if stdout != "" || err != nil || !strings.Contains(stderr, "would delete 0 of 0 entries") || strings.Contains(stderr, "--yes") {
		t.Errorf("got %q, %q and %v, want a line that there is no entry", stdout, stderr, err)
	}
}

func TestEvict(t *testing.T) {
	for text, gone := range map[string][]string{
		"--hash 1":                             {"team/v1/pr-12/1", "team/v1/trusted/1"},
		"--scope pr-*":                         {"team/v1/pr-12/1", "team/v1/pr-13/7"},
		"--ref main --scope trusted":           {"team/v1/trusted/1", "team/v1/trusted/2"},
		"--run 17 --before 2024-11-05":         {"team/v1/trusted/1"},
		"--signature unsigned --scope trusted": {"team/v1/trusted/4"},
		"--after 1h --scope trusted":           {"team/v1/trusted/5"},
		"--scope none":                         nil,
		"shop:build":                           {"team/v1/trusted/1", "team/v1/trusted/2"},
		"shop:* --scope pr-*":                  {"team/v1/pr-12/1"},
		"shop:build --signature valid":         {"team/v1/trusted/1"},
		"shop:buil":                            nil,
		"7":                                    {"team/v1/pr-13/7"},
	} {
		t.Run(text, func(t *testing.T) {
			s := newTestInventory(t)
			s.fill()
			before := s.left()
			stdout, stderr, err := s.run(append([]string{"evict", "--yes"}, strings.Fields(text)...)...)
			if err != nil || stdout != "" || !strings.Contains(stderr, fmt.Sprintf("deleted %d of ", len(gone))) {
				t.Errorf("got %q, %q, %v; want %d deleted", stdout, stderr, err, len(gone))
			}
			want := slices.DeleteFunc(before, func(name string) bool { return slices.Contains(gone, name) })
			if got := s.left(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			for _, r := range s.service.Requests() {
				if r.Method == http.MethodDelete && r.Header.Get("If-Match") == "" {
					t.Errorf("got a delete of %s without a condition", r.Path)
				}
			}
		})
	}
}

// An attacker names their entries as they like. A name selects no entry but theirs, and none
// of its characters is a wildcard.
func TestEvictClaimedTasks(t *testing.T) {
	s := newTestInventory(t)
	claim := func(hash, task string) { s.put(stored{scope: "pr-66", hash: hash, from: trust.Provenance{Task: task}}) }
	s.put(stored{scope: "trusted", hash: "1", key: "good", from: trust.Provenance{Task: "site:build"}})
	s.put(stored{scope: "trusted", hash: "2", key: "good", from: trust.Provenance{Task: "site:test"}})
	s.put(stored{scope: "trusted", hash: "3", key: "good"})
	for i, task := range []string{"*:*", "site:*", "*", ":", "site:build\n", " site:build", "SITE:build", "site:buildx", "xsite:build", "site:build --yes", ".*:.*", "site:build\x1b[2K", testenv.Hostile} {
		claim(fmt.Sprint(10+i), task)
	}
	claim("50", "site:build")
	claim("51", "site:build:*")
	_, _, err := s.run("evict", "site:build", "--yes")
	want := []string{"team/v1/trusted/2", "team/v1/trusted/3"}
	for i := 22; i >= 10; i-- {
		want = slices.Insert(want, 0, fmt.Sprint("team/v1/pr-66/", i))
	}
	if got := s.left(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v and %q, want %q", err, got, want)
	}
	// A claim in another scope, or without a signature, adds nothing to a filter for incidents.
	if _, stderr, err := s.run("evict", "site:*", "--scope", "trusted", "--signature", "valid", "--yes"); err != nil || !strings.Contains(stderr, "deleted 1 of 2 entries") {
		t.Errorf("got %q, %v", stderr, err)
	}
	// What an attacker wrote under another name stays, as the help says.
	if stdout, _, err := s.run("evict", "--help"); err != nil || !strings.Contains(stdout, "do not use names to remove what an attacker") {
		t.Errorf("got %v and %s", err, stdout)
	}
}

// evict rejects a selection of all entries, which is usually a mistake.
func TestEvictNothingSelected(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	for _, args := range [][]string{{}, {"--yes"}, {"--yes", "--container", inventoryContainer}, {"--yes", "--after="}, {"--yes", "--scope", "trusted", "--after", ""}} {
		if _, _, err := s.run(append([]string{"evict"}, args...)...); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
	if _, _, err := s.run("evict", "--yes"); !errors.Is(err, entries.ErrNoSelection) {
		t.Errorf("got %v, want %v", err, entries.ErrNoSelection)
	}
	if got := s.service.Requests(); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}

// If the deletion of one entry is refused, evict still deletes the others.
func TestEvictRefused(t *testing.T) {
	s := newTestInventory(t)
	for i := range 50 {
		s.put(stored{scope: "pr-1", hash: fmt.Sprint(i)})
		s.put(stored{scope: "trusted", hash: fmt.Sprint(i)})
	}
	rights := azuretest.FullRights()
	rights.WriteTo = []string{"team/v1/pr-*"}
	s.service.Allow(azuretest.KeyOf(azuretest.Account), rights)
	_, stderr, err := s.run("evict", "--scope", "*", "--yes")
	if err == nil || !strings.Contains(err.Error(), "50 entries could not be deleted") {
		t.Errorf("got %v, want the number of refusals", err)
	}
	if got := strings.Count(stderr, "nx-azure-cache: not deleted: http://127.0.0.1:"); got != entries.ShownRefusals || !strings.Contains(stderr, "lacks a data role") {
		t.Errorf("got %q, want the first %d refusals and the missing permission", stderr, entries.ShownRefusals)
	}
	if !strings.Contains(stderr, "deleted 50 of 100 entries") || len(s.left()) != 50 {
		t.Errorf("got %q and %d blobs, want the 50 deletable ones gone", stderr, len(s.left()))
	}
}

// An entry that was replaced meanwhile is kept, and one that is gone counts as gone.
func TestEvictChanged(t *testing.T) {
	s := newTestInventory(t)
	for _, hash := range []string{"1", "2", "3"} {
		s.put(stored{scope: "trusted", hash: hash})
	}
	var rules []*faults.Rule
	for _, name := range []string{"team/v1/trusted/1", "team/v1/trusted/2"} {
		rules = append(rules, s.service.AddFault(faults.Fault{Method: http.MethodDelete, Blob: name, Times: 1, Action: faults.Hold}))
	}
	type result struct {
		stderr string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		_, stderr, err := runWith(t, s.env, "evict", "--scope", "trusted", "--yes")
		done <- result{stderr, err}
	}()
	for _, rule := range rules {
		<-rule.Reached()
	}
	s.put(stored{scope: "trusted", hash: "1", key: "good"})
	s.service.Remove(inventoryContainer, "team/v1/trusted/2")
	for _, rule := range rules {
		rule.Release()
	}
	got := <-done
	if got.err == nil || !strings.Contains(got.err.Error(), "1 entry could not be deleted") || !strings.Contains(got.stderr, "trusted/1: has changed in the meantime") ||
		!strings.Contains(got.stderr, "deleted 1 of 3 entries") || !strings.Contains(got.stderr, "1 was gone before") {
		t.Errorf("got %v and %q, want one that has changed and one that was gone", got.err, got.stderr)
	}
	if left := s.left(); !slices.Equal(left, []string{"team/v1/trusted/1"}) {
		t.Errorf("got %q, want the new entry", left)
	}
}

// Ctrl-C ends evict, which reports what it has deleted.
func TestEvictInterrupted(t *testing.T) {
	s := newTestInventory(t)
	for i := range 100 {
		s.put(stored{scope: "trusted", hash: fmt.Sprint(i)})
	}
	rule := s.service.AddFault(faults.Fault{Method: http.MethodDelete, Blob: "*/5?", Action: faults.Hold})
	defer rule.Release()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-rule.Reached()
		cancel()
	}()
	var out, errOut output
	err := run(ctx, []string{"evict", "--scope", "trusted", "--yes"}, stdio{stdout: &out, stderr: &errOut, getenv: s.env.Get, ignore: ignoreNothing})
	var deleted int
	_, scanned := fmt.Sscanf(errOut.String()[strings.LastIndex(errOut.String(), "deleted "):], "deleted %d of", &deleted)
	// Entries whose requests were in progress may be deleted or not.
	if left := len(s.left()); err == nil || scanned != nil || deleted < 46-entries.MaxConcurrent || deleted > 100-left || left < 10 {
		t.Errorf("got %v and %q with %d left, want an error and the number deleted", err, errOut.String(), left)
	}
}

// The commands read the containers of all scopes. --container selects one.
func TestContainersOfScopes(t *testing.T) {
	s := newTestInventory(t)
	s.configure(map[string]any{"container": inventoryContainer, "prefix": "team", "trust": map[string]any{
		"containers": map[string]string{"trusted": trustedContainer},
	}})
	s.put(stored{scope: "trusted", hash: "1", container: trustedContainer})
	s.put(stored{scope: "trusted", hash: "1"}) // planted in the wrong container
	s.put(stored{scope: "pr-1", hash: "1"})
	for _, args := range [][]string{{"ls"}, {"inspect", "1"}, {"inspect", "1", "--scope", "trusted", "--scope", "pr-1"}} {
		if got := s.lines(args...); len(got) != 3 {
			t.Errorf("%q: got %+v, want all three", args, got)
		}
	}
	if got := s.lines("ls", "--container", trustedContainer); len(got) != 1 || !strings.Contains(got[0].URL, "/"+trustedContainer+"/") {
		t.Errorf("got %+v, want the entry of that container", got)
	}
	if _, stderr, err := s.run("evict", "--hash", "1", "--yes"); err != nil || !strings.Contains(stderr, "deleted 3 of 3") || len(s.left()) != 0 {
		t.Errorf("got %q, %v and %q; want no entries left", stderr, err, s.left())
	}
}

// Deleting entries during a list does not make the list skip others.
func TestEvictPages(t *testing.T) {
	const entries = 5100
	s := newTestInventory(t)
	for i := range entries {
		s.putBlob(inventoryContainer, fmt.Sprintf("team/v1/pr-%d/%d", i%7, i), azuretest.Blob{Body: []byte("x")})
	}
	s.put(stored{scope: "trusted", hash: "1"})
	stdout, stderr, err := s.run("evict", "--before", "2099-01-01", "--signature", "unsigned", "--yes")
	if err != nil || stdout != "" || !strings.Contains(stderr, "deleted 5,101 of 5,101 entries") || len(s.left()) != 0 {
		t.Errorf("got %v, %q and %d left; want no entries left", err, stderr, len(s.left()))
	}
}

// The commands also work with Azurite and its SAS.
func TestListsAzurite(t *testing.T) {
	connection, container := cachetest.Azurite(t)
	prefix := "canary-" + strings.ToLower(rand.Text())
	owner, err := azure.Open(azure.Options{Container: container, ConnectionString: endpoint.Secret(connection)})
	if err != nil {
		t.Fatal(err)
	}
	statement := trust.Statement{Hash: "1", Provenance: testenv.FromPull}.Encode()
	for _, name := range []string{"trusted/1", "pr-12/1", "pr-12/2", "pr-13/3"} {
		metadata := cache.Metadata{"format": "1", "statement": statement}
		if err := owner.Put(t.Context(), prefix+"/v1/"+name, strings.NewReader("content"), metadata); err != nil {
			t.Fatal(err)
		}
	}
	with := func(sp string, args ...string) (stdout, stderr string, err error) {
		t.Helper()
		return runWith(t, testenv.Env{config.ConnectionVariable: testenv.ContainerSAS(t, connection, container, sp)}, append(args, "--container", container, "--prefix", prefix)...)
	}
	if stdout, _, err := with("rl", "ls", "--json"); err != nil || strings.Count(stdout, "\n") != 4 || strings.Count(stdout, `"ref":"refs/pull/12/merge"`) != 4 {
		t.Errorf("ls: got %s, %v; want all four", stdout, err)
	}
	if stdout, _, err := with("r", "inspect", "1", "--scope", "pr-12"); err != nil || !strings.Contains(stdout, "/v1/pr-12/1\n") {
		t.Errorf("inspect: got %s, %v; want one", stdout, err)
	}
	if _, _, err := with("rc", "ls"); err == nil || !strings.Contains(err.Error(), `sp=rc but lacks "l"`) {
		t.Errorf("ls with sp=rc: got %v, want the missing permission", err)
	}
	if _, stderr, err := with("rl", "evict", "--scope", "pr-*", "--yes"); err == nil || strings.Count(stderr, `sp=rl but lacks "d"`) != 3 || !strings.Contains(stderr, "deleted 0 of 3") {
		t.Errorf("evict with sp=rl: got %q, %v; want three refusals", stderr, err)
	}
	if _, stderr, err := with("rld", "evict", "--scope", "pr-*", "--yes"); err != nil || !strings.Contains(stderr, "deleted 3 of 3") {
		t.Errorf("evict: got %q, %v; want three gone", stderr, err)
	}
	if stdout, _, err := with("rl", "inspect", "1"); err != nil || strings.Count(stdout, "http") != 2 || !strings.Contains(stdout, "/v1/trusted/1\n") {
		t.Errorf("inspect: got %s, %v; want the remaining ones", stdout, err)
	}
}
