package archive_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestLimits(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	// A declared size counts, even if fewer bytes follow.
	huge := tarOf(t, with(file("outputs/huge", "")))
	at := bytes.LastIndex(huge, []byte("outputs/huge"))
	copy(huge[at+124:], "77777777777\x00") // 8 GiB - 1, octal
	var sum int
	copy(huge[at+148:], "        ")
	for _, b := range huge[at : at+512] {
		sum += int(b)
	}
	copy(huge[at+148:], fmt.Sprintf("%06o\x00 ", sum))

	many := func(n int) []entry {
		var entries []entry
		for i := range n {
			entries = append(entries, file(fmt.Sprintf("outputs/%d", i), ""))
		}
		return with(entries...)
	}
	for _, test := range []struct {
		name    string
		content []byte
		limits  archive.Limits
		want    string // "" if it is within the limits
	}{
		{"a bomb", archiveOf(t, with(file("outputs/a", zeros))), archive.Limits{Entries: 10, Bytes: 1<<20 + 4}, "more bytes"},
		{"exactly the bytes", archiveOf(t, with(file("outputs/a", zeros))), archive.Limits{Entries: 10, Bytes: 1<<20 + 5}, ""},
		{"a bomb of many files", archiveOf(t, with(file("outputs/a", zeros), file("outputs/b", zeros))), archive.Limits{Entries: 10, Bytes: 2 << 20}, "more bytes"},
		{"a bomb of terminal output", archiveOf(t, []entry{head()[0], file("terminalOutput", zeros), folder("outputs/")}), archive.Limits{Entries: 10, Bytes: 1<<20 - 1}, "more bytes"},
		{"a huge size declared", compress(t, huge), archive.Limits{Entries: 10, Bytes: 1 << 30}, "more bytes"},
		{"exactly the entries", archiveOf(t, many(9)), archive.Limits{Entries: 10, Bytes: 100}, ""},
		{"an entry too many", archiveOf(t, many(10)), archive.Limits{Entries: 10, Bytes: 100}, "more entries"},
		{"the limits by default", archiveOf(t, many(1000)), archive.Limits{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want != "" {
				refuse(t, bytes.NewReader(test.content), test.limits, test.want)
				return
			}
			if _, err := codec.Extract(bytes.NewReader(test.content), cachetest.TempDir(t), "outputs", test.limits); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

// A name of a million bytes compresses to a few, but the reader keeps all of it. Links
// wait in memory, so no file system rejects their names.
func TestLimitOfNames(t *testing.T) {
	long := strings.Repeat("n", 250)
	var entries []entry
	for i := range 100 {
		entries = append(entries, link(fmt.Sprintf("outputs/%d%s", i, long), long))
	}
	content := archiveOf(t, with(entries...))
	refuse(t, bytes.NewReader(content), archive.Limits{Entries: 101, Bytes: 1 << 20}, "its names are longer")
	if _, err := codec.Extract(bytes.NewReader(content), cachetest.TempDir(t), "outputs", archive.Limits{Entries: 1000, Bytes: 1 << 20}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	content = archiveOf(t, with(link("outputs/a", strings.Repeat("t", 200_000))))
	refuse(t, bytes.NewReader(content), archive.Limits{Entries: 1000, Bytes: 1 << 20}, "its names are longer")
	content = archiveOf(t, with(link("outputs/a", strings.Repeat("t", 300_000))))
	refuse(t, bytes.NewReader(content), archive.Limits{}, "at most 262144 are allowed")
}
