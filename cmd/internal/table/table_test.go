package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	w := table.New(&out, table.Column{Title: "TASK", Most: 12}, table.Column{Title: "SIZE", Right: true}, table.Column{Title: "RUN"})
	for _, row := range [][]string{
		{"shop:build", "1 B", "17"},
		{"日本語:build", "1.0 KB", "https://example.org/a/very/long/one"},
		{"日本語日本語日本語", "", ""},
		{"e\u0301te\u0301:lint", "2 B"},
		{"a\nb\x1b[2K", "3 B", "\u202e"},
		{"o" + strings.Repeat("\u0308", 50) + ":x", "4 B", "x", "ignored"},
		{"한글:build", "5 B", "z"},
	} {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("got %q before Flush", out.String())
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `TASK            SIZE  RUN
shop:build       1 B  17
日本語:build  1.0 KB  https://example.org/a/very/long/one
日本語日本…
` + "e\u0301te\u0301:lint         2 B\n" + `a\nb\x1b[2K      3 B  \u202e
` + "o" + strings.Repeat("\u0308", 4) + `:x              4 B  x
한글:build       5 B  z
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// A table without titles has no header, and one without rows is empty.
func TestTableWithoutHeader(t *testing.T) {
	var out strings.Builder
	w := table.New(&out, table.Column{}, table.Column{})
	if err := w.Row("key ID", "1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil || out.String() != "key ID  1\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	empty := table.New(&out, table.Column{Title: "SCOPE"})
	if err := empty.Flush(); err != nil || out.String() != "key ID  1\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// A long table is written in blocks, and its columns never become narrower.
func TestLongTable(t *testing.T) {
	var out strings.Builder
	w := table.New(&out, table.Column{Title: "N"}, table.Column{Title: "X"})
	for i := range 1000 {
		if err := w.Row(fmt.Sprint(i), "x"); err != nil {
			t.Fatal(err)
		}
		if i == 500 && strings.Count(out.String(), "\n") < 256 {
			t.Errorf("got %d lines, want most of 500", strings.Count(out.String(), "\n"))
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 1002 || lines[0] != "N    X" || lines[1] != "0    x" || lines[1000] != "999  x" {
		t.Errorf("got %d lines, %q, %q, …, %q", len(lines), lines[0], lines[1], lines[1000])
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "long…"}, {"longer", 0, "longer"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"xx", 1, "…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := table.Cut(test.text, test.most); got != test.want || test.most > 0 && table.Width(got) > test.most {
			t.Errorf("Cut(%q, %d): got %q, want %q", test.text, test.most, got, test.want)
		}
	}
}
