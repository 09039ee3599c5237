package printable_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// cases are shared with the JavaScript of the npm package.
type cases struct {
	Strings []struct {
		Text, String string
		Line         *string // nil: as String
	}
	Commands []struct {
		Template string
		Values   []string
		Command  *string // nil: there is none
	}
}

func readCases(t testing.TB) (c cases) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/printable/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Strings) == 0 || len(c.Commands) == 0 {
		t.Fatal("the table is empty")
	}
	return c
}

func TestString(t *testing.T) {
	for _, test := range readCases(t).Strings {
		line := test.String
		if test.Line != nil {
			line = *test.Line
		}
		if got := printable.String(test.Text); got != test.String {
			t.Errorf("String(%+q): got %q, want %q", test.Text, got, test.String)
		}
		if got := printable.Line(test.Text); got != line {
			t.Errorf("Line(%+q): got %q, want %q", test.Text, got, line)
		}
		if got := printable.Is(test.Text); got != (test.Text == test.String) {
			t.Errorf("Is(%+q): got %v", test.Text, got)
		}
	}
	if got := printable.String("\x9b31m\xff"); got != "\uFFFD31m\uFFFD" {
		t.Errorf("got %q for bytes that are not UTF-8", got)
	}
}

func TestShort(t *testing.T) {
	for _, test := range []struct {
		text string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"äöüß", 8, "äöüß"},
		{"äöüßx", 8, "äö…"},
		{"\u009b\u009b", 8, `\u009…`},
		{"long", 3, "…"},
	} {
		if got := printable.Short(test.text, test.max); got != test.want {
			t.Errorf("Short(%q, %d): got %q, want %q", test.text, test.max, got, test.want)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, test := range readCases(t).Commands {
		got, ok := printable.Command(test.Template, test.Values...)
		switch {
		case test.Command == nil && (ok || got != ""):
			t.Errorf("%q of %+q: got %q, want none", test.Template, test.Values, got)
		case test.Command != nil && (!ok || got != *test.Command):
			t.Errorf("%q of %+q: got %q, want %q", test.Template, test.Values, got, *test.Command)
		}
	}
}

// The program receives a pasted value unchanged, and the shell runs nothing else.
func TestCommandInShells(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("there is no sh")
		return
	}
	shells := []string{"sh"}
	for _, name := range []string{"bash", "zsh"} {
		if _, err := exec.LookPath(name); err == nil {
			shells = append(shells, name)
		}
	}
	for _, shell := range shells {
		for _, test := range readCases(t).Commands {
			if test.Command == nil || len(test.Values) != 1 {
				continue
			}
			before, after, _ := strings.Cut(test.Template, "%s")
			words := strings.Fields(before + "\x00" + after)
			for i := range words {
				words[i] = strings.Replace(words[i], "\x00", test.Values[0], 1)
			}
			if got := paste(t, shell, *test.Command, words[0]); !slices.Equal(got, words[1:]) {
				t.Errorf("%s: %s\ngot  %q\nwant %q", shell, *test.Command, got, words[1:])
			}
		}
	}
}

// paste runs a command line in a shell and returns the arguments that the program
// received. The command must create no other file.
func paste(t *testing.T, shell, line, program string) []string {
	t.Helper()
	folder, bin := t.TempDir(), t.TempDir()
	stub := "#!/bin/sh\nprintf '%s\\0' \"$@\" > \"$RECORD\"\n"
	if err := os.WriteFile(filepath.Join(bin, program), []byte(stub), 0o700); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(bin, "record")
	command := exec.CommandContext(t.Context(), shell, "-c", line)
	command.Dir = folder
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "RECORD="+record)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s: %v, %s", line, err, out)
	}
	if made, err := os.ReadDir(folder); err != nil || len(made) > 0 {
		t.Errorf("%s: made %v (%v), want nothing", line, made, err)
	}
	recorded, err := os.ReadFile(record)
	if err != nil {
		t.Errorf("%s: did not run %s", line, program)
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(recorded), "\x00"), "\x00")
}

func FuzzPrintable(f *testing.F) {
	for _, test := range readCases(f).Strings {
		f.Add(test.Text)
	}
	for _, test := range readCases(f).Commands {
		for _, value := range test.Values {
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, got := range map[string]string{"String": printable.String(text), "Line": printable.Line(text), "Short": printable.Short(text, 40)} {
			if !printable.Is(got) || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b") || name == "Short" && len(got) > 40 {
				t.Errorf("%s(%q) is %q", name, text, got)
			}
			if again := printable.String(got); again != got {
				t.Errorf("%s(%q) is %q, and again %q", name, text, got, again)
			}
		}
		if line, ok := printable.Command("npx x %s", text); ok != (line != "") || !printable.Is(line) {
			t.Errorf("Command(%q) is %q, %v", text, line, ok)
		}
	})
}
