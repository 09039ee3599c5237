package rpc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// grounds are folders around a cache directory.
type grounds struct {
	root, cacheDirectory string

	directories []string        // cache directories in messages, cleaned
	hashes      map[string]bool // in messages
}

func newGrounds(t *testing.T) *grounds {
	t.Helper()
	root := t.TempDir()
	g := &grounds{
		root: root, cacheDirectory: filepath.Join(root, "between", "cache"),
		hashes: map[string]bool{},
	}
	for _, name := range []string{"canary", "between/canary", "between/cache-evil/canary", "between/cache/output", "between/cache/1/dist/file"} {
		write(t, filepath.Join(root, filepath.FromSlash(name)), name)
	}
	for name, target := range map[string]string{"link": "../cache-evil", "dangling": "../evil"} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(g.cacheDirectory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// storedResults returns a storage with the result of 123 and a damaged result of 456.
func storedResults(f *testing.F) *cachetest.Memory {
	f.Helper()
	storage := new(cachetest.Memory)
	c := newCache(storage)
	defer c.Close(f.Context())
	for _, hash := range []string{"123", "456"} {
		directory := f.TempDir()
		write(f, filepath.Join(directory, hash, "dist", "restored"), "restored")
		if _, reason, err := cachetest.Store(f.Context(), c, hash, directory, 0, cache.TerminalOutput{Text: "done\n"}); reason != "" || err != nil {
			f.Fatal(reason, err)
		}
	}
	names := storage.Names()
	if len(names) != 2 {
		f.Fatalf("got the blobs %q, want two", names)
	}
	storage.Alter(names[1], func(b *cachetest.Blob) { b.Content = b.Content[:len(b.Content)/2] })
	return storage
}

// copyOf returns a storage with the same blobs.
func copyOf(t *testing.T, storage *cachetest.Memory) *cachetest.Memory {
	t.Helper()
	copied := new(cachetest.Memory)
	for _, name := range storage.Names() {
		blob, _ := storage.Blob(name)
		if err := copied.Put(t.Context(), name, bytes.NewReader(blob.Content), blob.Metadata); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// fill puts the cache directory into a message.
func (g *grounds) fill(text string) string {
	path, _ := json.Marshal(g.cacheDirectory) // a string
	return strings.ReplaceAll(text, "@", strings.Trim(string(path), `"`))
}

// contains reports whether all absolute paths in a message are in the grounds, because
// the server uses the paths in requests.
func (g *grounds) contains(text string) bool {
	var message any
	if json.Unmarshal([]byte(text), &message) != nil {
		return true // the server will reject it
	}
	for _, path := range stringsIn(message) {
		relative, err := filepath.Rel(g.root, path)
		if filepath.IsAbs(path) && (err != nil || !filepath.IsLocal(relative)) {
			return false
		}
	}
	return true
}

// note records what a message allows the server to change.
func (g *grounds) note(text string) {
	var m struct {
		Params struct{ Hash, CacheDirectory string }
	}
	_ = json.Unmarshal([]byte(text), &m) // not a request about files
	if filepath.IsAbs(m.Params.CacheDirectory) {
		g.directories = append(g.directories, filepath.Clean(m.Params.CacheDirectory))
	}
	g.hashes[m.Params.Hash] = true
}

// files returns the files in the grounds. It omits the times of folders.
func (g *grounds) files(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(g.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String()
		switch {
		case entry.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			all[path] += " -> " + target
			return err
		case !entry.IsDir():
			content, err := os.ReadFile(path)
			all[path] += fmt.Sprintf(" %s %q", info.ModTime(), content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// check fails unless the files are unchanged, except for restored results, and the server
// has left nothing. No terminal output in a message is in the server's folder, so all of
// them stay.
func (g *grounds) check(t *testing.T, before map[string]string) {
	t.Helper()
	after := g.files(t)
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if text := after[path]; text != before[path] && !g.isRestored(path) {
			t.Errorf("%s: got %q, want %q", path, text, before[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		_, old := before[path]
		isFolder := strings.HasPrefix(after[path], "d")
		if !old && !g.isRestored(path) && (!isFolder || !g.leadsToDirectory(path)) {
			t.Errorf("%s: got %q, want nothing", path, after[path])
		}
	}
}

// isRestored reports whether a path is that of a result that can be restored, or below
// it.
func (g *grounds) isRestored(path string) bool {
	return slices.ContainsFunc(g.directories, func(directory string) bool {
		result := filepath.Join(directory, "123")
		return g.hashes["123"] && (path == result || strings.HasPrefix(path, result+string(filepath.Separator)))
	})
}

// leadsToDirectory reports whether a path is that of a cache directory in a message, or
// above it.
func (g *grounds) leadsToDirectory(path string) bool {
	return slices.ContainsFunc(g.directories, func(directory string) bool {
		return directory == path || strings.HasPrefix(directory, path+string(filepath.Separator))
	})
}
