package manifest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// visitor is what an archive tells a builder, in any order.
type visitor []func(b *builder)

func aFile(name, content string, mode fs.FileMode) func(*builder) {
	return func(b *builder) {
		if err := b.File(name, mode, strings.NewReader(content)); err != nil {
			panic(err) // a string has no read errors
		}
	}
}

func aLink(name, target string) func(*builder) { return func(b *builder) { b.Link(name, target) } }

func aDirectory(name string) func(*builder) { return func(b *builder) { b.Directory(name) } }

func (v visitor) manifest() *Manifest {
	b := newBuilder()
	for _, tell := range v {
		tell(b)
	}
	return b.manifest()
}

func TestDifferences(t *testing.T) {
	dist, a, l := aDirectory("dist"), aFile("dist/a", "1", 0o644), aLink("dist/l", "a")
	stored := visitor{dist, a, l}
	for _, test := range []struct {
		name string
		made visitor
		want []Difference
	}{
		{"nothing", visitor{dist, a, l}, nil},
		{"order", visitor{l, a, dist}, nil},
		{"modes that a reader does not restore", visitor{dist, aFile("dist/a", "1", 0o666), l}, nil},
		{"content", visitor{dist, aFile("dist/a", "2", 0o644), l}, []Difference{{"dist/a", Content}}},
		{"mode", visitor{dist, aFile("dist/a", "1", 0o755), l}, []Difference{{"dist/a", Mode}}},
		{"link", visitor{dist, a, aLink("dist/l", "b")}, []Difference{{"dist/l", Target}}},
		{"a link for a file", visitor{dist, aLink("dist/a", "1"), l}, []Difference{{"dist/a", Kind}}},
		{"a directory for a file", visitor{dist, aDirectory("dist/a"), l}, []Difference{{"dist/a", Kind}}},
		{"missing", visitor{dist, l}, []Difference{{"dist/a", Missing}}},
		{"extra", visitor{dist, a, l, aFile("z", "", 0o644)}, []Difference{{"z", Extra}}},
		{"an empty directory", visitor{dist, a, l, aDirectory("e")}, []Difference{{"e", Extra}}},
		{"several", visitor{aFile("b", "1", 0o644), dist, aFile("dist/a", "2", 0o755)}, []Difference{{"b", Extra}, {"dist/a", Content}, {"dist/l", Missing}}},
		{"everything", nil, []Difference{{"dist", Missing}, {"dist/a", Missing}, {"dist/l", Missing}}},
	} {
		x, y := stored.manifest(), test.made.manifest()
		if got := x.Differences(y); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if got, want := x.Equal(y), test.want == nil; got != want {
			t.Errorf("%s: equal: got %t, want %t", test.name, got, want)
		}
	}
}

// No part of an entry can pass for another.
func TestFieldsAreSeparate(t *testing.T) {
	x, y := visitor{aLink("a", "bc")}.manifest(), visitor{aLink("ab", "c")}.manifest()
	if x.Equal(y) {
		t.Error("a link a -> bc equals ab -> c")
	}
}

// Beyond the limits of the list, archives are still compared, and the memory is bounded.
func TestLongManifests(t *testing.T) {
	many := func(name func(i int) string, n int) visitor {
		var v visitor
		for i := range n {
			v = append(v, aFile(name(i), "x", 0o644))
		}
		return v
	}
	short := func(i int) string { return fmt.Sprint(i) }
	long := func(i int) string { return fmt.Sprintf("%d%s", i, strings.Repeat("n", 1<<16)) }
	for _, test := range []struct {
		name     string
		all      visitor
		isListed bool
	}{
		{"as many as allowed", many(short, maxListed), true},
		{"one more", many(short, maxListed+1), false},
		{"long names", many(long, maxNames>>16), false},
	} {
		x := test.all.manifest()
		if got := x.Listed() > 0; got != test.isListed {
			t.Errorf("%s: got %d entries", test.name, x.Listed())
		}
		reversed := slices.Clone(test.all)
		slices.Reverse(reversed)
		if !x.Equal(reversed.manifest()) {
			t.Errorf("%s: got a difference for another order", test.name)
		}
		other := append(slices.Clone(test.all[1:]), aFile("0", "other", 0o644)).manifest()
		if x.Equal(other) {
			t.Errorf("%s: got no difference for another content", test.name)
		}
		if got := len(x.Differences(other)) > 0; got != test.isListed {
			t.Errorf("%s: names of what differs: got %t", test.name, got)
		}
	}
}

// Times, compression and what the task printed make no difference.
func TestRead(t *testing.T) {
	pack := func(content, terminal string, at time.Time) *Manifest {
		dir := t.TempDir()
		for name, content := range map[string]string{"run.sh": content, "big": strings.Repeat(content, 1<<20)} {
			path := filepath.Join(dir, "dist", name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		if runtime.GOOS != "windows" {
			if err := os.Symlink("run.sh", filepath.Join(dir, "dist", "l")); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		codec := archive.NewCodec()
		err := codec.Write(&b, archive.Task{Hash: "123"}, strings.NewReader(terminal), int64(len(terminal)), dir, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		m, contents, err := Read(codec, &b, archive.LimitsOf(int64(b.Len())))
		if err != nil || contents.Hash != "123" || b.Len() > 0 {
			t.Fatalf("got %+v, %v and %d unread bytes", contents, err, b.Len())
		}
		return m
	}
	first := pack("1", "done at noon", time.Unix(1, 0))
	second := pack("1", strings.Repeat("done at night", archive.InlineTerminalOutput), time.Unix(1e9, 5))
	if !first.Equal(second) {
		t.Errorf("got differences: %v", first.Differences(second))
	}
	want := []Difference{{"dist/big", Content}, {"dist/run.sh", Content}}
	if got := first.Differences(pack("2", "", time.Unix(1, 0))); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A truncated archive has no manifest.
func TestReadRefuses(t *testing.T) {
	m, _, err := Read(archive.NewCodec(), io.LimitReader(strings.NewReader("junk"), 4), archive.Limits{})
	if m != nil || err == nil {
		t.Errorf("got %v, %v; want an error", m, err)
	}
}
