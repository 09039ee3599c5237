package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// testInventory is a storage with entries, and a workspace that uses it.
type testInventory struct {
	t       *testing.T
	service *azuretest.Service
	env     testenv.Env
	keys    map[string]trust.PrivateKey // by their names in the tests
}

// The containers of a test inventory.
const (
	inventoryContainer = "results"
	trustedContainer   = "results-trusted"
)

// newTestInventory starts a storage. The workspace trusts the key "good", has revoked
// "old", and does not know "foreign".
func newTestInventory(t *testing.T) *testInventory {
	t.Helper()
	s := &testInventory{t: t, keys: make(map[string]trust.PrivateKey)}
	s.service = azuretest.New(azuretest.Options{Containers: []string{inventoryContainer, trustedContainer}, Requests: 100_000})
	server, err := s.service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for _, name := range []string{"good", "old", "foreign"} {
		if s.keys[name], err = trust.GenerateKey(); err != nil {
			t.Fatal(err)
		}
	}
	s.env = testenv.Env{config.ConnectionVariable: s.service.ConnectionString(server.URL)}
	s.configure(map[string]any{"container": inventoryContainer, "prefix": "team", "trust": map[string]any{
		"publicKeys":  []string{s.keys["good"].Public().String(), s.keys["old"].Public().String()},
		"revokedKeys": []string{s.id("old")},
	}})
	return s
}

// id returns the ID of a key.
func (s *testInventory) id(key string) string { return s.keys[key].Public().ID() }

// configure sets the block "azure" of nx.json.
func (s *testInventory) configure(block map[string]any) {
	s.t.Helper()
	document, err := json.Marshal(map[string]any{"workspaceRoot": "/w", "ci": false, "config": block})
	if err != nil {
		s.t.Fatal(err)
	}
	s.env[config.WorkspaceVariable] = string(document)
}

// stored is an entry that a test stores.
type stored struct {
	scope, hash string
	key         string // that signs it, or ""
	body        string // "" means the hash
	modified    time.Time
	from        trust.Provenance
	change      func(*trust.Statement) // of the signed or claimed statement
	container   string
}

// put stores an entry as a run does, with the changes of the test.
func (s *testInventory) put(entry stored) {
	s.t.Helper()
	if entry.body == "" {
		entry.body = entry.hash
	}
	if entry.container == "" {
		entry.container = inventoryContainer
	}
	digest := sha256.Sum256([]byte(entry.body))
	statement := trust.Statement{
		Hash: entry.hash, Scope: trust.Scope(entry.scope), Prefix: "team", SHA256: hex.EncodeToString(digest[:]),
		Length: int64(len(entry.body)), Format: 1, Provenance: entry.from,
	}
	metadata := http.Header{"Format": {"1"}, "Length": {fmt.Sprint(len(entry.body))}, "Sha256": {statement.SHA256}}
	if entry.change != nil {
		entry.change(&statement)
	}
	if entry.key == "" {
		metadata.Set("Statement", statement.Encode())
	} else {
		envelope, err := trust.NewSigner(s.keys[entry.key]).Sign(statement)
		if err != nil {
			s.t.Fatal(err)
		}
		metadata.Set("Dsse", envelope)
	}
	s.putBlob(entry.container, cache.Name("team", trust.Scope(entry.scope), entry.hash), azuretest.Blob{
		Body: []byte(entry.body), Metadata: metadata, Modified: entry.modified,
	})
}

func (s *testInventory) putBlob(container, name string, blob azuretest.Blob) {
	s.t.Helper()
	if err := s.service.Put(container, name, blob); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command line.
func (s *testInventory) run(args ...string) (stdout, stderr string, err error) {
	s.t.Helper()
	return runWith(s.t, s.env, args...)
}

// lines returns the JSON lines that a command prints.
func (s *testInventory) lines(args ...string) (lines []entries.EntryLine) {
	s.t.Helper()
	stdout, stderr, err := s.run(append(args, "--json")...)
	if err != nil {
		s.t.Fatalf("%q: %v, %s", args, err, stderr)
	}
	for text := range strings.Lines(stdout) {
		var line entries.EntryLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			s.t.Fatalf("%v in %s", err, text)
		}
		lines = append(lines, line)
	}
	return lines
}

// hashes returns the hashes of the entries that ls lists.
func (s *testInventory) hashes(args ...string) (hashes []string) {
	s.t.Helper()
	for _, line := range s.lines(append([]string{"ls"}, args...)...) {
		hashes = append(hashes, line.Hash)
	}
	slices.Sort(hashes)
	return hashes
}

// left returns the names of all remaining blobs.
func (s *testInventory) left() []string {
	return slices.Concat(s.service.Names(inventoryContainer), s.service.Names(trustedContainer))
}

// fill puts one entry of each kind.
func (s *testInventory) fill() {
	s.put(stored{scope: "trusted", hash: "1", key: "good", from: testenv.FromMain, modified: testenv.At("2024-11-01T00:00:00Z")})
	s.put(stored{scope: "trusted", hash: "2", key: "old", from: testenv.FromMain, modified: testenv.At("2024-11-10T00:00:00Z")})
	s.put(stored{scope: "trusted", hash: "3", key: "foreign", modified: testenv.At("2024-11-20T12:00:00Z")})
	s.put(stored{scope: "trusted", hash: "4", modified: testenv.At("2024-11-20T12:00:01Z")})
	s.put(stored{scope: "trusted", hash: "5", key: "good", change: func(statement *trust.Statement) { statement.Hash = "6" }})
	s.put(stored{scope: "pr-12", hash: "1", from: testenv.FromPull})
	s.put(stored{scope: "pr-13", hash: "7"})
	s.put(stored{scope: "branch-feature_2Flogin", hash: "8", from: trust.Provenance{Ref: "refs/heads/feature/login"}})
	s.put(stored{scope: "local", hash: "9", body: strings.Repeat("x", 2_000_000)})
	// None of these is an entry of this workspace.
	for _, name := range []string{"team/v1/trusted/sub/1", "team/v1/1", "team/v1/trusted/%2e", "team/v2/trusted/1", "v1/trusted/1", "team2/v1/trusted/1"} {
		s.putBlob(inventoryContainer, name, azuretest.Blob{Body: []byte("x")})
	}
}
