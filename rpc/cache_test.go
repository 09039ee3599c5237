package rpc_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func TestMissIsNull(t *testing.T) {
	c := startWith(t, new(cachetest.Memory))
	c.call("retrieve", retrieveParams("1", t.TempDir()), nil)

	messages := parse(t, c.output.bytes())
	last := messages[len(messages)-1]
	if string(last.Result) != "null" {
		t.Errorf("got the result %s, want null", last.Result)
	}
}

// inline is the largest terminal output that is sent as a string; see doc.go.
const inline = 262_144

func TestRoundTrip(t *testing.T) {
	for name, output := range map[string]string{
		"nothing":                      "",
		"one byte":                     "x",
		"characters JSON escapes":      "\x00\x1b[31m\"<>&\\\r\n\u2028\t",
		"one byte less than inline":    strings.Repeat("x", inline-1),
		"as much as is inline":         strings.Repeat("x", inline),
		"one byte more than inline":    strings.Repeat("x", inline+1),
		"bytes count, not characters":  strings.Repeat("é", inline/2) + "x",
		"characters of several bytes":  strings.Repeat("é", inline/2),
		"much more than fits a packet": strings.Repeat("0123456789abcdef", inline/4),
	} {
		for _, asFile := range []bool{false, true} {
			if !asFile && len(output) > inline {
				continue // not its encoding
			}
			if asFile {
				name += ", from a file"
			}
			t.Run(name, func(t *testing.T) { testRoundTrip(t, output, asFile) })
		}
	}
}

func testRoundTrip(t *testing.T, output string, asFile bool) {
	// Directories first: they are removed last, when the server has ended.
	stored, dir := newResult(t, "123", "hello"), t.TempDir()
	served := newCache(new(cachetest.Memory))
	c := start(t, session(rpc.Session{Cache: served, Mode: cache.ReadWrite}))
	c.initialize()
	params := storeParams("123", stored).with("code", 7).with("terminalOutput", output)
	if asFile {
		path := filepath.Join(scratch.FolderPath(stored, served.Session()), "output")
		write(t, path, output)
		params = params.with("terminalOutput", missing).with("terminalOutputPath", path)
		defer func() {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("got %v, want the file taken by the server", err)
			}
		}()
	}
	if got := c.store(params); got.Outcome != cache.OutcomeStored {
		t.Fatalf("got %+v, want %q", got, cache.OutcomeStored)
	}

	var got rpc.RetrieveResult
	c.call("retrieve", retrieveParams("123", dir), &got)
	if want := filepath.Join(dir, "123"); got.Code != 7 || got.OutputsPath != want || got.Size != 5 {
		t.Errorf("got %+v, want the code 7, the size 5 and %s", got, want)
	}
	if got := read(t, filepath.Join(dir, "123", "dist", "main.js")); got != "hello" {
		t.Errorf("got the output %q, want %q", got, "hello")
	}
	switch {
	case (got.TerminalOutput == nil) == (got.TerminalOutputPath == nil):
		t.Errorf("got %+v, want either terminalOutput or terminalOutputPath", got)
	case (got.TerminalOutput != nil) != (len(output) <= inline):
		t.Errorf("a terminal output of %d bytes was sent inline: %t", len(output), got.TerminalOutput != nil)
	case got.TerminalOutput != nil && *got.TerminalOutput != output:
		t.Errorf("got the terminal output %.100q, want %.100q", *got.TerminalOutput, output)
	case got.TerminalOutputPath != nil:
		if text := read(t, *got.TerminalOutputPath); text != output {
			t.Errorf("got a terminal output of %d bytes, want the %d sent", len(text), len(output))
		}
		if err := os.Remove(*got.TerminalOutputPath); err != nil {
			t.Error(err)
		}
	}
}

func TestStoreTwice(t *testing.T) {
	c := startWith(t, new(cachetest.Memory))
	params := storeParams("1", newResult(t, "1", "hello"))
	for _, want := range []cache.Outcome{cache.OutcomeStored, cache.OutcomeExists} {
		if got := c.store(params); got.Outcome != want || got.Hash != "1" || got.Reason != "" || got.Code != nil || (got.Bytes > 0) != (want == cache.OutcomeStored) {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

func TestStoreIsSkipped(t *testing.T) {
	blobs := new(cachetest.Memory)
	readOnly := cache.New(cachetest.Shared(blobs, cache.ReadOnly))
	c := start(t, session(rpc.Session{Cache: readOnly, Mode: cache.ReadOnly}))
	c.initialize()

	var got rpc.StoreResult
	c.call("store", storeParams("1", newResult(t, "1", "hello")), &got)
	if got.Queued || !strings.Contains(got.Reason, "read-only") {
		t.Errorf("got %+v, want not queued, because of read-only", got)
	}
	var hit json.RawMessage
	c.call("retrieve", retrieveParams("1", t.TempDir()), &hit)
	if string(hit) != "null" {
		t.Errorf("got %s, want a miss", hit)
	}
}

func TestSummary(t *testing.T) {
	blobs := new(cachetest.Memory)
	c := startWith(t, blobs)
	dir := newResult(t, "1", "hello")
	c.call("retrieve", retrieveParams("1", dir), nil)
	c.store(storeParams("1", dir))
	c.store(storeParams("1", dir))
	c.call("retrieve", retrieveParams("1", dir), nil)
	c.call("retrieve", retrieveParams("1", dir), nil)

	var got cache.Summary
	c.call("shutdown", nil, &got)
	size := got.BytesWritten
	want := cache.Summary{Hits: 2, Misses: 1, Stored: 1, Existing: 1, BytesRead: 2 * size, BytesWritten: size}
	if got != want || size == 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// newResult creates a cache directory with a result, as Nx writes it.
func newResult(t testing.TB, hash, content string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, hash, "dist", "main.js"), content)
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The entry has the name of the task, also if the server does not require tasks.
func TestTaskOfAStoredResult(t *testing.T) {
	for want, task := range map[string]any{
		"":                      missing,
		"shop:build":            object{"project": "shop", "target": "build"},
		"shop:build:production": object{"project": "shop", "target": "build", "configuration": "production"},
	} {
		m := new(cachetest.Memory)
		got := startWith(t, m).store(storeParams("1", newResult(t, "1", "hello")).with("task", task))
		if got.Outcome != cache.OutcomeStored {
			t.Fatalf("got %+v", got)
		}
		b, _ := m.Blob("v1/shared/1")
		statement, err := trust.DecodeStatement(b.Metadata["statement"])
		if err != nil || statement.Provenance.Task != want {
			t.Errorf("got %+v and %v, want the task %q", statement, err, want)
		}
	}
}
