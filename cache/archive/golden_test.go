//go:build unix

package archive_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

var update = flag.Bool("update", false, "write the golden archives anew")

const goldenDir = "../../testdata/archives"

// golden is an archive in testdata. It ensures that old archives stay readable.
type golden struct {
	name string
	make func(t *testing.T) []byte // the tar
	// written reports whether make uses [archive.Codec.Write], whose tar must stay the
	// same.
	written bool
}

func written(code int, terminal string, nodes ...node) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		dir := cachetest.TempDir(t)
		plant(t, dir, nodes)
		return decompress(t, mustWrite(t, archive.Task{Hash: "11891250523286014446", Code: code}, terminal, dir))
	}
}

var goldens = []golden{
	{"v1-basic", written(0, "> nx run web:build\n\x1b[32m✓\x1b[0m built\n",
		node{name: "dist/"},
		node{name: "dist/main.js", content: "console.log('hello');\n"},
		node{name: "dist/run.sh", mode: 0o755, content: "#!/bin/sh\n"},
		node{name: "dist/read-only/", mode: 0o555},
		node{name: "dist/read-only/file", mode: 0o444, content: "1", time: before1970},
		node{name: "dist/empty/"},
		node{name: "dist/empty.txt"},
		node{name: "dist/current", target: "main.js"},
		node{name: "dist/up", target: "../dist/read-only/file"},
		node{name: "dist/dangling", target: "nowhere"},
		node{name: "dist/caf\u00e9 日本語 🎉.txt", content: "2"},
		node{name: "dist/" + strings.Repeat("long", 40) + "/"},
		node{name: "dist/" + strings.Repeat("long", 40) + "/" + strings.Repeat("name", 40), content: "3"},
		node{name: "metadata.json", content: "{}"},
	), true},
	{"v1-failed", written(130, strings.Repeat("error TS2322\n", 30_000)), true},
	// as a careless program on Windows writes it (nx#29890)
	{"v1-backslash", func(t *testing.T) []byte {
		return tarOf(t, append(head(), folder(`outputs\`), folder(`outputs\dist\`), folder(`outputs\dist\lib\`),
			file(`outputs\dist\lib\main.js`, "1"), link(`outputs\dist\lib\link`, `..\other.js`), file(`outputs\dist\other.js`, "2")))
	}, false},
}

// describe returns what a golden archive restores, as a string.
func describe(t *testing.T, contents archive.Contents, dir string) string {
	t.Helper()
	terminal := contents.TerminalOutput
	if contents.TerminalOutputFile != "" {
		var err error
		if terminal, err = os.ReadFile(contents.TerminalOutputFile); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "hash %s\ncode %d\nsize %d\nterminal output of %d bytes %.60q\n", contents.Hash, contents.Code, contents.Size, len(terminal), terminal)
	all := listing(t, outputsOf(dir))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s %s\n", name, all[name])
	}
	return b.String()
}

func TestGoldenArchives(t *testing.T) {
	if *update {
		updateGoldens(t)
	}
	paths, err := filepath.Glob(filepath.Join(goldenDir, "*.tar.zst"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in %s: %v", goldenDir, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".tar.zst")
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(goldenDir, name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			dir := cachetest.TempDir(t)
			if got := describe(t, mustExtract(t, content, dir), dir); got != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// The writer still writes the same tars. The compression may change with its library.
func TestGoldenArchivesAreStillWritten(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(goldenDir, g.name+".tar.zst"))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := g.make(t), decompress(t, content); g.written && !bytes.Equal(got, want) {
				t.Errorf("got a tar of %d bytes, which is not the one of %d bytes in testdata", len(got), len(want))
			}
		})
	}
}

func updateGoldens(t *testing.T) {
	for _, g := range goldens {
		content := compress(t, g.make(t))
		dir := cachetest.TempDir(t)
		text := describe(t, mustExtract(t, content, dir), dir)
		for suffix, b := range map[string][]byte{".tar.zst": content, ".txt": []byte(text)} {
			if err := os.WriteFile(filepath.Join(goldenDir, g.name+suffix), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
