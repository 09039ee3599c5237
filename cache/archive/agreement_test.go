//go:build unix

package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// agree writes a tree with small limits. It fails unless readers with the same limits
// accept what the writer stored, and reject what it did not store with the writer's
// words.
func agree(t *testing.T, small archive.Limits, terminal, dir string) (isStored bool) {
	t.Helper()
	task := archive.Task{Hash: "123"}
	var b bytes.Buffer
	err := archive.NewCodecWith(small).Write(&b, task, strings.NewReader(terminal), int64(len(terminal)), dir, time.Time{})
	content := b.Bytes()
	if err != nil {
		if !errors.Is(err, archive.ErrNotStorable) {
			t.Fatalf("got %v, want %v", err, archive.ErrNotStorable)
		}
		content = mustWrite(t, task, terminal, dir) // as a writer without limits
	}
	_, refused := codec.Extract(bytes.NewReader(content), cachetest.TempDir(t), "outputs", small)
	switch {
	case err == nil && refused != nil:
		t.Errorf("it was stored, but a reader rejects it: %v", refused)
	case err != nil && refused == nil:
		t.Errorf("it was not stored, but a reader accepts it: %v", err)
	case err != nil:
		reason := strings.TrimPrefix(refused.Error(), archive.ErrRefused.Error()+": ")
		if !strings.HasSuffix(err.Error(), reason) {
			t.Errorf("the writer and the reader give different reasons:\n%v\n%v", err, refused)
		}
	}
	return err == nil
}

// The writer stores exactly as much as each limit allows.
func TestWriterAndReaderAgree(t *testing.T) {
	files := func(n, length int) func(dir string) error {
		return func(dir string) error {
			return times(n, func(i int) error {
				return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%0*d", length, i)), nil, 0o644)
			})
		}
	}
	// Only the writer counts metadata.json, so readers allow a little more.
	const head = len(`{"format":1,"hash":"123","code":0}`)
	const names = 128 // bytes for each allowed entry
	for _, test := range []struct {
		name     string
		limits   archive.Limits
		terminal int
		fill     func(dir string) error
		isStored bool
	}{
		{"entries", archive.Limits{Entries: 6, Bytes: 1000}, 0, files(5, 1), true},
		{"an entry too many", archive.Limits{Entries: 6, Bytes: 1000}, 0, files(6, 1), false},
		// "outputs/" is an entry, and the beginning of each name.
		{"names", archive.Limits{Entries: 6, Bytes: 1000}, 0, files(4, (6*names-8)/4-8), true},
		{"a byte of names too many", archive.Limits{Entries: 6, Bytes: 1000}, 0, files(4, (6*names-8)/4-7), false},
		{"targets", archive.Limits{Entries: 6, Bytes: 1000}, 0, func(dir string) error {
			return os.Symlink(strings.Repeat("t", 6*names-8-9), filepath.Join(dir, "l"))
		}, true},
		{"a byte of targets too many", archive.Limits{Entries: 6, Bytes: 1000}, 0, func(dir string) error {
			return os.Symlink(strings.Repeat("t", 6*names-8-8), filepath.Join(dir, "l"))
		}, false},
		{"bytes", archive.Limits{Entries: 6, Bytes: int64(1000 + head)}, 400, func(dir string) error { return sparse(dir, "f", 600) }, true},
		{"a byte too many", archive.Limits{Entries: 6, Bytes: 999}, 400, func(dir string) error { return sparse(dir, "f", 600) }, false},
		{"a terminal output that is too long", archive.Limits{Entries: 6, Bytes: 999}, 1000, func(string) error { return nil }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			if err := test.fill(dir); err != nil {
				t.Fatal(err)
			}
			if got := agree(t, test.limits, strings.Repeat("x", test.terminal), dir); got != test.isStored {
				t.Errorf("got %t, want %t", got, test.isStored)
			}
		})
	}
}

// A reader accepts all that a writer accepts.
func TestReaderAcceptsStoredTrees(t *testing.T) {
	cachetest.SkipWithRace(t)
	const seed, trees = 2, 150
	random := rand.New(rand.NewPCG(seed, seed))
	stored := 0
	for range trees {
		dir := cachetest.TempDir(t)
		folders := []string{"."}
		for i := range random.IntN(12) {
			name := filepath.Join(folders[random.IntN(len(folders))], fmt.Sprint(i)+strings.Repeat("é", random.IntN(100)))
			var err error
			switch random.IntN(4) {
			case 0:
				folders, err = append(folders, name), os.Mkdir(filepath.Join(dir, name), 0o755)
			case 1:
				err = os.Symlink(strings.Repeat("../", random.IntN(3))+strings.Repeat("t", 1+random.IntN(300)), filepath.Join(dir, name))
			default:
				err = os.WriteFile(filepath.Join(dir, name), []byte(cachetest.Noise(uint64(i), random.IntN(2000))), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		small := archive.Limits{Entries: 10, Bytes: 8000}
		task := archive.Task{Hash: "123"}
		var b bytes.Buffer
		err := archive.NewCodecWith(small).Write(&b, task, strings.NewReader("done"), 4, dir, time.Time{})
		if err != nil && !errors.Is(err, archive.ErrNotStorable) {
			t.Fatalf("got %v, want %v", err, archive.ErrNotStorable)
		}
		if err != nil {
			continue
		}
		stored++
		if _, err := codec.Extract(bytes.NewReader(b.Bytes()), cachetest.TempDir(t), "outputs", small); err != nil {
			t.Errorf("it was stored, but a reader rejects it: %v\n%v", err, listing(t, dir))
		}
	}
	if stored < trees/4 || stored == trees {
		t.Errorf("%d of %d trees were stored: too few or too many to test anything", stored, trees)
	}
}
