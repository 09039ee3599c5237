package runs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

var update = flag.Bool("update", false, "write the golden records anew")

const goldenDir = "../../testdata/runs"

// golden is a record in testdata. It ensures that old records stay readable: NAME.json.zst
// is the body of a blob, and NAME.txt is what Decode returns, as Encode writes it.
type golden struct {
	name   string
	record *runs.Record // of this version
	json   string       // of another version
}

var goldens = []golden{
	{name: "v1-ci", record: sample()},
	{name: "v1-local", record: local()},
	{name: "v1-minimal", record: minimal()},
	{name: "v1-later", json: later},
}

// local is a record of a developer's machine, with an Nx that tells neither inputs nor
// times. The run may not write.
func local() *runs.Record {
	ended := time.Date(2026, 11, 30, 23, 59, 59, 999e6, time.UTC)
	return &runs.Record{
		Session: "77-x_Y-z", Started: ended.Add(-time.Second), Ended: ended, Scope: trust.Local, Mode: cache.ReadOnly,
		Nx: "20.0.6", Tool: "nx-azure-cache 1.2.3", OS: "windows", Arch: "arm64",
		Tasks: []runs.Task{
			{ID: "@acme/shöp:build-日本", Hash: "a_B-9", Outcome: runs.ReadOnly},
			{ID: "shop:e2e", Outcome: runs.NotCacheable},
			{ID: "shop:lint", Hash: "1", Outcome: runs.Failed, Lookup: runs.LookupDamaged, Reason: "its SHA-256 is wrong", Diagnostic: "NXAC050"},
			{ID: "shop:late", Hash: "2", Outcome: runs.NotRun},
			{ID: "shop:left", Hash: "3", Outcome: runs.Excluded},
		},
	}
}

func minimal() *runs.Record {
	at := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	return &runs.Record{Session: "1", Started: at, Ended: at, Scope: trust.Shared, Mode: cache.NoCache}
}

// later is a record of a later version that has added fields, elements, an outcome and a
// lookup.
const later = `{
  "host": {"cores": 8}, "tasks": [
    {"id": "shop:build", "hash": "123", "outcome": "replayed", "lookup": "mirrored", "attempts": [1, 2], "inputs": [0, 1]},
    {"id": "shop:test", "hash": "124", "outcome": "stored", "bytes": -1, "ran": 99999999999, "from": "", "inputs": null}
  ],
  "inputs": [["env:CI", 7, "more"], ["shop:shop/**/*", 65535]],
  "format": 1, "session": "9", "started": "2027-01-01T00:00:00Z", "ended": "2027-01-01T01:00:00.5+01:00",
  "scope": "branch-feature_2Fx", "mode": "read-write", "ci": true, "source": {"repository": "acme/shop", "actor": "x"},
  "nx": "30.0.0", "tool": "nx-azure-cache 9.0.0", "os": "linux", "arch": "riscv64",
  "totals": {"hits": 1, "waited": 5, "carbon": 2.5, "bytesRead": -5}
}`

func compress(t testing.TB, plain []byte, options ...zstd.EOption) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return encoder.EncodeAll(plain, nil)
}

func decompress(t testing.TB, body []byte) []byte {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func (g golden) body(t *testing.T) []byte {
	if g.record != nil {
		return encode(t, g.record)
	}
	return compress(t, []byte(g.json))
}

func indent(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, plain, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

func TestGoldenRecords(t *testing.T) {
	var known []string
	for _, g := range goldens {
		known = append(known, g.name+".json.zst")
		bodyPath, readPath := filepath.Join(goldenDir, g.name+".json.zst"), filepath.Join(goldenDir, g.name+".txt")
		if *update {
			if err := os.WriteFile(bodyPath, g.body(t), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(readPath, indent(t, decompress(t, encode(t, decode(t, g.body(t))))), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		body, err := os.ReadFile(bodyPath)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(readPath)
		if err != nil {
			t.Fatal(err)
		}
		if got := indent(t, decompress(t, encode(t, decode(t, body)))); !bytes.Equal(got, want) {
			t.Errorf("%s: read\n%s\nwant\n%s", g.name, got, want)
		}
		if g.record != nil && !bytes.Equal(decompress(t, g.body(t)), decompress(t, body)) {
			t.Errorf("%s: this version writes another record:\n%s", g.name, decompress(t, g.body(t)))
		}
	}
	for _, path := range goldenPaths(t) {
		if !slices.Contains(known, filepath.Base(path)) {
			t.Errorf("no test knows %s", path)
		}
	}
}

func goldenPaths(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(goldenDir, "*.json.zst"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no records in %s: %v", goldenDir, err)
	}
	return paths
}
