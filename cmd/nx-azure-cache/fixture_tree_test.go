package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// makeTree makes the files of a session.
func (p placeholders) makeTree(dir string, entries []fixtureEntry) error {
	wanted, err := p.tree(entries)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) { // folders come first
		if err := wanted[name].make(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	// Last, and from the inside: nothing can be made in a read-only folder.
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(wanted))) {
		if mode := wanted[name].mode; mode.Type() != os.ModeSymlink {
			if err := os.Chmod(filepath.Join(dir, filepath.FromSlash(name)), mode.Perm()); err != nil {
				return err
			}
		}
	}
	return nil
}

// treeEntry is an entry of a tree as it is on the disk, or should be.
type treeEntry struct {
	mode    os.FileMode
	content string
}

func (e treeEntry) make(path string) error {
	switch e.mode.Type() {
	case os.ModeDir:
		return os.MkdirAll(path, 0o755)
	case os.ModeSymlink:
		return os.Symlink(e.content, path)
	default:
		return os.WriteFile(path, []byte(e.content), 0o644)
	}
}

func (e treeEntry) String() string {
	switch e.mode.Type() {
	case os.ModeDir:
		return fmt.Sprintf("/ %o", e.mode.Perm())
	case os.ModeSymlink:
		return " -> " + e.content
	default:
		return fmt.Sprintf(" %o %s", e.mode.Perm(), show(e.content))
	}
}

// tree is the entries by path, with the folders that need no line.
func (p placeholders) tree(entries []fixtureEntry) (map[string]treeEntry, error) {
	tree := make(map[string]treeEntry)
	for _, e := range entries {
		content, err := p.substitute(e.content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.place, err)
		}
		for dir := path.Dir(e.path); dir != "."; dir = path.Dir(dir) {
			if _, ok := tree[dir]; !ok {
				tree[dir] = treeEntry{mode: os.ModeDir | 0o755}
			}
		}
		tree[e.path] = treeEntry{e.mode, content}
	}
	return tree, nil
}

// checkTree compares what is in dir with what a session wants.
func (p placeholders) checkTree(dir string, entries []fixtureEntry) error {
	want, err := p.tree(entries)
	if err != nil {
		return err
	}
	got, err := readTree(dir)
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // which has no modes
		for _, tree := range []map[string]treeEntry{want, got} {
			for name, entry := range tree {
				tree[name] = treeEntry{entry.mode.Type(), entry.content}
			}
		}
	}
	if maps.Equal(want, got) {
		return nil
	}
	lines := []string{dir + " is not as wanted:"}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if entry, ok := got[name]; !ok || entry != want[name] {
			lines = append(lines, fmt.Sprintf("  want %s%s", name, want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if entry, ok := want[name]; !ok || entry != got[name] {
			lines = append(lines, fmt.Sprintf("  got  %s%s", name, got[name]))
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

func readTree(dir string) (map[string]treeEntry, error) {
	tree := make(map[string]treeEntry)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if path == filepath.Join(dir, ".nx-azure-cache") {
			return fs.SkipDir // a server at work; the end of the session looks at it
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		entry := treeEntry{mode: info.Mode().Type() | info.Mode().Perm()}
		switch info.Mode().Type() {
		case os.ModeSymlink:
			entry.mode = os.ModeSymlink
			entry.content, err = os.Readlink(path)
		case 0:
			var data []byte
			data, err = os.ReadFile(path)
			entry.content = string(data)
		}
		tree[filepath.ToSlash(name)] = entry
		return err
	})
	return tree, err
}
