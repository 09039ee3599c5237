package main

import (
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// The codes of lines are in Go, in JavaScript and in docs/troubleshooting.md. The three must
// agree.

// heading matches the heading of a section about a code.
var heading = regexp.MustCompile(`(?m)^### (NXAC\d{3})$`)

// codeSections returns the sections of the page that are about codes, and the codes in the
// order of the page.
func codeSections(t *testing.T) (sections map[diagnostic.Code]string, codes []diagnostic.Code) {
	page, err := os.ReadFile(troubleshooting)
	if err != nil {
		t.Fatal(err)
	}
	sections = make(map[diagnostic.Code]string)
	for _, found := range heading.FindAllSubmatchIndex(page, -1) {
		code := diagnostic.Code(page[found[2]:found[3]])
		text, _, _ := strings.Cut(string(page[found[1]:]), "\n##") // also ###
		sections[code], codes = strings.TrimSpace(text), append(codes, code)
	}
	return sections, codes
}

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
	sections, order := codeSections(t)
	if !slices.IsSorted(order) {
		t.Errorf("the sections are not in order: %s", order)
	}
	if codes := slices.Sorted(maps.Keys(byCode)); !slices.Equal(codes, order) {
		t.Errorf("the code has      %s\nthe page explains %s", codes, order)
	}
	for code, section := range sections {
		if title, _, ok := strings.Cut(strings.TrimPrefix(section, "**"), ".**"); !ok || len(title) < 10 || len(title) > 100 {
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
	sections, _ := codeSections(t)
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
			section := plain(sections[code])
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

func TestRootHelpNamesCodes(t *testing.T) {
	if stdout, _, _ := runWith(t, nil, "--help"); !strings.Contains(stdout, `"npx nx-azure-cache help NXAC012"`) {
		t.Errorf("got %q, want the command help CODE", stdout)
	}
}
