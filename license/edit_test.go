package license_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// Edit keeps and drops the licenses that Find finds, even if two files with byte order
// marks were joined.
func TestEdit(t *testing.T) {
	keepGood := func(t license.Token) bool { return !strings.Contains(t.Source(), "(1 of") }
	for name, test := range map[string]struct {
		file, want string
		dropped    int
	}{
		"nothing":              {"", "license = NEW.b.c\n", 0},
		"a mark in the middle": {"# mine\n\ufefflicense = a.b.c\n", "# mine\n\ufefflicense = a.b.c\nlicense = NEW.b.c\n", 0},
		"a mark at a comment":  {"license = OLD.b.c\n\ufeff# note\nlicense = GOOD.b.c\n", "\ufeff# note\nlicense = GOOD.b.c\nlicense = NEW.b.c\n", 1},
		"the first of two":     {"\ufefflicense = OLD.b.c\r\nGOOD.b.c\r\n", "GOOD.b.c\r\nlicense = NEW.b.c\n", 1},
		"the same":             {"NEW.b.c\n", "license = NEW.b.c\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if test.file != "" {
				writeFile(t, root, test.file)
			}
			got, dropped, err := license.Edit(root, " NEW.b.c\n", keepGood)
			if string(got) != test.want || len(dropped) != test.dropped || err != nil {
				t.Errorf("got %q, %v, %v; want %q, %d dropped", got, dropped, err, test.want, test.dropped)
			}
		})
	}
	for name, file := range map[string]string{"UTF-16": "\xfe\xff", "too large": strings.Repeat("#", 65<<10)} {
		root := t.TempDir()
		writeFile(t, root, file)
		if got, _, err := license.Edit(root, "NEW.b.c", keepGood); err == nil || got != nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}
