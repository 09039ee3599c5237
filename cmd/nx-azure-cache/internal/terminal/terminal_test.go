package terminal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const bad = "a\n\x1b[2K\r\t\u009b31m\u202etxt\x7f\U000E0001"

func TestLinesStayLines(t *testing.T) {
	var out strings.Builder
	if err := terminal.Printf(&out, "wrong: %v", errors.Join(errors.New("one"), errors.New("two\u009b"))); err != nil {
		t.Fatal(err)
	}
	var lines terminal.Lines
	lines.Printf("  %-5s|", "x")
	lines.Printf("%s", bad)
	if _, err := lines.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if want := `wrong: one; two\u009b` + "\n  x    |\n" + `a\n\x1b[2K\r\t\u009b31m\u202etxt\x7f\U000e0001` + "\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// A CI executes commands that it finds in a log; names in the storage must not be some.
func TestNoCommandsOfCI(t *testing.T) {
	const commands = "::set-env name=A::b\n \t::add-path::/x\na ::b ##vso[task.setvariable variable=PATH]/x\n##[add-path]/x\n## heading\n"
	var out strings.Builder
	if _, err := io.WriteString(terminal.NewWriter(&out), commands); err != nil {
		t.Fatal(err)
	}
	const want = `\x3a:set-env name=A::b` + "\n \t" + `\x3a:add-path::/x` + "\n" + `a ::b \x23#vso[task.setvariable variable=PATH]/x` + "\n" + `\x23#[add-path]/x` + "\n## heading\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	if err := terminal.JSON(&out, commands, ""); err != nil {
		t.Fatal(err)
	}
	var again string
	if err := json.Unmarshal([]byte(out.String()), &again); err != nil || again != commands {
		t.Errorf("got %q (%v), want what was written", again, err)
	}
	if strings.Contains(out.String(), "##vso") || strings.Contains(out.String(), "##[") {
		t.Errorf("got a command in %s", out.String())
	}
}

func TestJSON(t *testing.T) {
	value := map[string]string{"key": bad + "ü<&>", "other\u202e": ""}
	for indent, want := range map[string]string{
		"":   `{"key":"a\n\u001b[2K\r\t\u009b31m\u202etxt\u007f\udb40\udc01ü<&>","other\u202e":""}` + "\n",
		"  ": "{\n  " + `"key": "a\n\u001b[2K\r\t\u009b31m\u202etxt\u007f\udb40\udc01ü<&>",` + "\n  " + `"other\u202e": ""` + "\n}\n",
	} {
		var out strings.Builder
		if err := terminal.JSON(&out, value, indent); err != nil || out.String() != want {
			t.Errorf("got %s (%v), want %s", out.String(), err, want)
		}
		var again map[string]string
		if err := json.Unmarshal([]byte(out.String()), &again); err != nil || fmt.Sprint(again) != fmt.Sprint(value) {
			t.Errorf("got %q (%v), want what was written", again, err)
		}
	}
}

func TestWriter(t *testing.T) {
	const text = "ü\t日本\n" + bad + "\x9b31m\xe2\x80 end 😀\n"
	const want = "ü\t日本\na\n" + `\x1b[2K\r` + "\t" + `\u009b31m\u202etxt\x7f\U000e0001` + "\uFFFD31m\uFFFD\uFFFD end 😀\n"
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		w := terminal.NewWriter(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatalf("got %d and %v, want %d", written, err, n)
			}
			rest = rest[n:]
		}
		if out.String() != want {
			t.Errorf("in pieces of %d: got %q, want %q", size, out.String(), want)
		}
	}
	if raw := terminal.Raw(terminal.NewWriter(os.Stderr)); raw != os.Stderr {
		t.Errorf("got %v, want stderr", raw)
	}
	if raw := terminal.Raw(os.Stderr); raw != os.Stderr {
		t.Errorf("got %v, want stderr", raw)
	}
}

func TestLongDuration(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0.0 s", 90: "0.1 s", 9_949: "9.9 s", 9_950: "10 s", 59_499: "59 s", 59_500: "1 min",
		60_000: "1 min", 750_000: "12 min 30 s", 3_599_999: "1 h", 7_320_000: "2 h 2 min",
	} {
		if got := terminal.LongDuration(ms); got != want {
			t.Errorf("%d ms: got %q, want %q", ms, got, want)
		}
	}
}
