package main

import (
	"errors"
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/explanation"
	"github.com/nx-azure-cache/nx-azure-cache/docs"
)

// The codes of lines are in Go, in JavaScript and in docs/troubleshooting.md. The three must
// agree.

var page = explanation.Page(docs.Troubleshooting)

// goCodes returns the constants of package diagnostic, by name.
func goCodes(t *testing.T) map[string]diagnostic.Code {
	codes := make(map[string]diagnostic.Code)
	walk(t, "../../cache/diagnostic/codes.go", func(node ast.Node) {
		if spec, ok := node.(*ast.ValueSpec); ok {
			text, _ := constant(spec.Values[0])
			codes[spec.Names[0].Name] = diagnostic.Code(text)
		}
	})
	return codes
}

var jsCode = regexp.MustCompile(`(?m)^  (\w+): '(NXAC\d{3})',$`)

// jsCodes returns the codes in JavaScript, by name.
func jsCodes(t *testing.T) map[string]diagnostic.Code {
	source, err := os.ReadFile(npmFolder + "/lib/diagnostics.js")
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[string]diagnostic.Code)
	for _, found := range jsCode.FindAllSubmatch(source, -1) {
		codes[string(found[1])] = diagnostic.Code(found[2])
	}
	return codes
}

func TestDiagnosticsHaveSections(t *testing.T) {
	inGo, inJS := goCodes(t), jsCodes(t)
	if len(inGo) < 50 || len(inJS) < 20 {
		t.Fatalf("found %d codes in Go and %d in JavaScript", len(inGo), len(inJS))
	}
	byCode := make(map[diagnostic.Code]string)
	for name, code := range inGo {
		if byCode[code] != "" {
			t.Errorf("%s and %s are both %s", name, byCode[code], code)
		}
		byCode[code] = name
	}
	for name, code := range inJS {
		if other := byCode[code]; other != "" && !strings.EqualFold(other, name) {
			t.Errorf("%s is %s in Go and %s in JavaScript", code, other, name)
		}
		byCode[code] = name
	}
	sections := page.Codes()
	if !slices.IsSorted(sections) {
		t.Errorf("the sections are not in order: %s", sections)
	}
	if codes := slices.Sorted(maps.Keys(byCode)); !slices.Equal(codes, sections) {
		t.Errorf("the code has     %s\nthe page explains %s", codes, sections)
	}
	for _, code := range sections {
		if title := page.Title(code); len(title) < 10 || len(title) > 100 || !strings.HasSuffix(title, ".") {
			t.Errorf("%s has the title %q", code, title)
		}
	}
}

// usedCodes calls use for each place in the production code that names a constant.
func usedCodes(t *testing.T, use func(file string, node ast.Node, name string)) {
	err := filepath.WalkDir("../..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", "testdata", "diagnostic"}, entry.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			walk(t, file, func(node ast.Node) {
				if selector, ok := node.(*ast.SelectorExpr); ok {
					if of, ok := selector.X.(*ast.Ident); ok && of.Name == "diagnostic" {
						use(file, node, selector.Sel.Name)
					}
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiagnosticsAreUsed(t *testing.T) {
	unused := goCodes(t)
	usedCodes(t, func(_ string, _ ast.Node, name string) { delete(unused, name) })
	for name := range unused {
		t.Errorf("nothing attaches diagnostic.%s", name)
	}
}

// A line that names its code in the source is in the section about that code.
func TestLinesAreInTheirSections(t *testing.T) {
	codes, found := goCodes(t), 0
	err := filepath.WalkDir("../..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		walk(t, file, func(node ast.Node) {
			call, isCall := node.(*ast.CallExpr)
			if !isCall {
				return
			}
			code, lines := linesOfCall(codes, call)
			if code == "" {
				return
			}
			section := plain(page.Section(code))
			for _, line := range lines {
				found++
				if !strings.Contains(section, longestPart(line)) {
					t.Errorf("%s: %q is not in the section about %s", file, line, code)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 90 {
		t.Errorf("found only %d lines", found)
	}
}

// linesOfCall returns the code that is an argument of a call, and the lines in the other
// arguments. It skips calls without a code.
func linesOfCall(codes map[string]diagnostic.Code, call *ast.CallExpr) (code diagnostic.Code, lines []string) {
	for _, arg := range call.Args {
		if selector, ok := arg.(*ast.SelectorExpr); ok {
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == "diagnostic" {
				code = codes[selector.Sel.Name]
			}
			continue
		}
		if inner, isCall := arg.(*ast.CallExpr); isCall {
			for _, of := range inner.Args {
				if text, ok := constant(of); ok {
					lines = append(lines, text)
				}
			}
		}
		if text, ok := constant(arg); ok {
			lines = append(lines, text)
		}
	}
	return code, slices.DeleteFunc(sentences(lines), func(line string) bool { return slices.Contains(unspoken, line) })
}

// Users have no folder docs: neither the npm package nor the binary contains it.
func TestNoLineCitesAFileOfDocs(t *testing.T) {
	cited := regexp.MustCompile(`(^|[^/\w-])docs/[a-z]`)
	for _, line := range slices.Concat(goStrings(t), jsMessages(t)) {
		if cited.MatchString(line) {
			t.Errorf("%q cites a file that users do not have: use the address of diagnostic.Page", line)
		}
	}
}

func TestHelpExplainsCodes(t *testing.T) {
	for _, typed := range []string{"NXAC045", "nxac045", "45", "nxac-045"} {
		stdout, stderr, err := runWith(t, nil, "help", typed)
		begins := strings.HasPrefix(stdout, "NXAC045\n\nThe network rules of the account block this machine. ")
		ends := strings.HasSuffix(stdout, "\n\n"+diagnostic.URL(diagnostic.NetworkRules)+"\n")
		if err != nil || stderr != "" || !begins || !ends || strings.Contains(stdout, "NXAC046") {
			t.Errorf("%s: got %q, %q, %v", typed, stdout, stderr, err)
		}
	}
}

func TestHelpSuggestsCodes(t *testing.T) {
	for typed, near := range map[string]string{"NXAC940": "NXAC040  The container does not exist.", "nxac999": "", "NXAC405": "NXAC045"} {
		stdout, stderr, err := runWith(t, nil, "help", typed)
		if err != exitCode(usage.ExitCode) || stdout != "" || !strings.HasPrefix(stderr, "nx-azure-cache: help: there is no ") || !strings.Contains(stderr, near) {
			t.Errorf("%s: got %q, %q, %v", typed, stdout, stderr, err)
		}
	}
}

func TestHelpOfUnknownCommands(t *testing.T) {
	stdout, _, err := runWith(t, nil, "help", "NXAC054x")
	if wrong, ok := errors.AsType[*usage.Error](err); stdout != "" || !ok || !strings.Contains(wrong.Error(), `no command "NXAC054x"`) {
		t.Errorf("got %q, %v", stdout, err)
	}
}

func TestHelpOfCommands(t *testing.T) {
	for _, args := range [][]string{{"help", "ls"}, {"help", "keys", "generate"}, {"help"}} {
		stdout, stderr, err := runWith(t, nil, args...)
		want, _, _ := runWith(t, nil, append(args[1:], "--help")...)
		if err != nil || stderr != "" || stdout != want || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%s: got %q, %q, %v, want %q", args, stdout, stderr, err, want)
		}
	}
	if stdout, _, _ := runWith(t, nil, "--help"); !strings.Contains(stdout, strconv.Quote("nx-azure-cache help NXAC012")) {
		t.Errorf("got %q, want the command help CODE", stdout)
	}
}
