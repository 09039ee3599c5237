package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

// A result that does not fit on the disk is not a hit, and is not rejected.
func TestFullDisk(t *testing.T) {
	cachetest.SkipWithRace(t)
	cachetest.OnSmallDisk(t, func(t *testing.T, dir string) {
		noise := cachetest.Noise(1, 1<<20)
		var files, folders, links []entry
		for i := range 200 {
			name := fmt.Sprintf("outputs/%d", i)
			files = append(files, file(name, ""))
			folders = append(folders, folder(name+"/"))
			links = append(links, link(name, "target"))
		}
		for _, test := range []struct {
			name    string
			entries []entry
			want    string // part of the error
			most    int64  // bytes written
		}{
			{"a large file", with(file("outputs/a", strings.Repeat(noise, 12))), "no space left on device", 8 << 20},
			{"many files", with(
				file("outputs/a", noise), file("outputs/b", noise), file("outputs/c", noise), file("outputs/d", noise), file("outputs/e", noise),
				file("outputs/f", noise[1:]), file("outputs/g", noise[1:]), file("outputs/h", noise[1:]), file("outputs/i", noise[1:])), "no space left on device", 8 << 20},
			{"what has room", with(append(files[:80:80], file("outputs/a", strings.Repeat(noise, 6)))...), "", 8 << 20},
			{"a long terminal output", []entry{head()[0], file("terminalOutput", strings.Repeat(noise, 12)), folder("outputs/")}, "no space left on device", 8 << 20},
			{"more files than it holds", with(files...), "no space left on device", 0},
			{"more folders than it holds", with(folders...), "no space left on device", 0},
			{"more links than it holds", with(links...), "no space left on device", 0},
			{"a file that is larger than it", with(file("outputs/a", strings.Repeat(noise, 17))), "the result needs 17.8 MB more; 8.", 0},
		} {
			t.Run(test.name, func(t *testing.T) {
				at := filepath.Join(dir, "at")
				if err := os.Mkdir(at, 0o755); err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := os.RemoveAll(at); err != nil {
						t.Fatal(err)
					}
				}()
				contents, err := codec.Extract(bytes.NewReader(archiveOf(t, test.entries)), at, "outputs", archive.Limits{})
				if test.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, diskspace.ErrTooLittle) || errors.Is(err, archive.ErrRefused) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %v with %q", err, diskspace.ErrTooLittle, test.want)
				}
				if contents.TerminalOutputFile != "" || contents.Hash != "" {
					t.Errorf("got %+v, want nothing", contents)
				}
				if used := usedBy(t, at); used > test.most {
					t.Errorf("wrote %d bytes, want at most %d", used, test.most)
				}
			})
		}
	})
}

func usedBy(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
