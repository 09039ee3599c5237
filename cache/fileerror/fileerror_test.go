//go:build unix

package fileerror_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Each error of the file system has its fix. npm/nx-azure-cache/test/file-error.test.js
// reads the same table.
func TestFixes(t *testing.T) {
	text, err := os.ReadFile("../../testdata/file-errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Errnos []string
		Fix    string
	}
	if err := json.Unmarshal(text, &rows); err != nil || len(rows) < 8 {
		t.Fatal(err, rows)
	}
	numbers := make(map[string]syscall.Errno)
	for number := syscall.Errno(1); number < 200; number++ {
		numbers[unix.ErrnoName(number)] = number
	}
	for _, row := range rows {
		for _, name := range row.Errnos {
			number, ok := numbers[name]
			if !ok {
				t.Fatalf("no %s in the table", name)
			}
			err := fileerror.Of("DIR", fmt.Errorf("store 1: %w", &fs.PathError{Op: "openat", Path: "x", Err: number}))
			want := "store 1: openat x: " + number.Error() + "; " + row.Fix
			if err.Error() != want || !fileerror.Is(err) {
				t.Errorf("%s: got  %v\nwant %s", name, err, want)
			}
			diagnostictest.CheckError(t, err)
		}
	}
}
