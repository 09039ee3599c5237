package jobsummary

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// attacks are names and sentences that try to become something else in a summary, in a log,
// or in a comment that GitHub makes of it.
var attacks = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table>", "<!-- ", "-->", "<details>", "<a href=//evil.example>",
	"![x](https://evil.example/x.png)", "[click](https://evil.example)", "[x]: https://evil.example", "[x][y]", "<https://evil.example>",
	"https://evil.example/login", "www.evil.example", "(www.evil.example)", "evil@evil.example", "mailto:evil@evil.example", "ftp://evil.example",
	"a | b | c", "a \\| b", "\\", "\\`", "`", "``", "`` ` ``", "```\nrm -rf\n```", "~~~", "a`|`b", "` | <img src=x> | `",
	"@octocat", "@github/security", "#1", "GH-1", "octo/repo#1", "3f2c1ab9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5", ":tada:", "$x^2$", "$`x`$",
	"a\nb", "a\r\nb", "a\n\n# Title", "# Title", "---", "===", "> quote", "- item", "1. item", "    code", "\tcode", "| a | b |\n|---|---|",
	"::error::x", "::set-output name=a::b", "a\n::error::x", "##vso[task.setvariable variable=a]b", "##[error]x", "##[add-mask]x",
	"&lt;script&gt;", "&#60;script&#62;", "&copy;", "*a*", "**a**", "_a_", "~~a~~", "~a~", "^a^", "[^1]", "[^1]: a", "[ ] a", "[!NOTE]",
	"\x1b[31mred", "\u202egnp.exe", "a\u200bb", "\x00", "\xff\xfe", "", " ", "  ", "\u00a0",
	"javascript:alert(1)", "data:text/html,x", "__proto__", "{{ x }}", "${{ secrets.X }}", "<?php", "<![CDATA[x]]>", "```mermaid\ngraph TD\n```",
	"words and a (harmless) one, that stays: fine.", "it's 12.5% of 3,000 well-known words",
}

// hostile is a run whose strings all attack.
func hostile() *runs.Record {
	r := &runs.Record{CI: true, Scope: "pr-<b>|`", Session: "$(rm -rf ~)`|<b>"}
	for i, attack := range attacks {
		task := missed(attack, int64(1000*(len(attacks)-i)))
		task.Reason, task.Diagnostic = attack, diagnostic.Code(attack)
		switch i % 4 {
		case 0:
			task.Outcome = runs.NotStored
		case 1:
			task.Lookup = runs.LookupDiffers
		}
		r.Tasks = append(r.Tasks, task)
	}
	return r
}

func hostileCauses() Causes {
	causes := Causes{}
	for i, attack := range attacks {
		causes[attack] = attacks[len(attacks)-1-i]
	}
	return causes
}

// Each attack alone, in every place, is only text.
func TestAttacks(t *testing.T) {
	for _, attack := range attacks {
		checkAttack(t, attack)
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, attack string) { checkAttack(t, attack) })
}

// checkAttack checks a run with three tasks in which a string is at every place, against the
// same run with a harmless string.
func checkAttack(t *testing.T, attack string) {
	t.Helper()
	of := func(s string) string {
		r := &runs.Record{Tasks: []runs.Task{
			a(missed(s, 3), func(t *runs.Task) { t.Outcome, t.Reason = runs.NotStored, s }),
			a(missed(s, 2), func(t *runs.Task) { t.Lookup, t.Reason = runs.LookupDiffers, s }),
			missed(s, 1),
		}}
		r.Scope, r.Session = "trusted", s
		return Markdown(r, Known{Causes{s: s}, true})
	}
	got := of(attack)
	if want := shapeOf(of("harmless")); shapeOf(got) != want {
		t.Errorf("%q changes the document from\n%s\nto\n%s\nof\n%s", attack, want, shapeOf(got), got)
	}
	checkText(t, got)
	checkShown(t, got, attack)
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(html.WithUnsafe()))

// shapeOf returns the structure of a document: its nodes, without text and code, and the
// targets of its links.
func shapeOf(source string) string {
	var b strings.Builder
	document := markdown.Parser().Parse(text.NewReader([]byte(source)))
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text, *ast.CodeSpan, *ast.String:
			return ast.WalkSkipChildren, nil
		case *ast.Link:
			if entering {
				b.WriteString(string(n.Destination) + "\n")
			}
		case *extast.TableCell:
			if entering {
				b.WriteString("cell\n")
			}
		default:
			if entering {
				b.WriteString(n.Kind().String() + "\n")
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// mention matches what GitHub makes links of outside code: people, issues and commits.
var mention = regexp.MustCompile(`(^|[^\w` + "`" + `])@\w|#\d|\bGH-\d|\b[0-9a-f]{7,40}\b|:\w+:|\$`)

// checkText checks that the text outside code has nothing that GitHub links or that a CI
// executes.
func checkText(t *testing.T, source string) {
	t.Helper()
	document := markdown.Parser().Parse(text.NewReader([]byte(source)))
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if entering && mention.Match(n.Segment.Value([]byte(source))) {
				t.Errorf("%q is not in code", n.Segment.Value([]byte(source)))
			}
		}
		return ast.WalkContinue, nil
	})
	for line := range strings.Lines(source) {
		line = strings.TrimSuffix(line, "\n")
		if !printable.Is(line) || strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("the line %q is not safe to print", line)
		}
	}
	if strings.Contains(source, "<") {
		t.Errorf("%q has a beginning of HTML", source)
	}
}

// checkShown checks that people can read a name: as it is, or escaped.
func checkShown(t *testing.T, source, attack string) {
	t.Helper()
	var rendered bytes.Buffer
	if err := markdown.Convert([]byte(source), &rendered); err != nil {
		t.Fatal(err)
	}
	if rendered.Len() == 0 || strings.Count(rendered.String(), "<td") != 9 {
		t.Errorf("%q is rendered as\n%s", attack, rendered.String())
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"shop:build:production": "`shop:build:production`", "": "(no name)", "  ": "(no name)", "a`|<": "`a\\x60\\x7c\\x3c`",
		"\n": "`\\n`", strings.Repeat("é", 100): "`" + strings.Repeat("é", 58) + "…`",
	} {
		if got := name(text); got != want {
			t.Errorf("name(%q): got %s, want %s", text, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"a file changed: libs/ui/src/button.tsx (3f2c1ab)": "a file changed: `libs/ui/src/button.tsx (3f2c1ab)`",
		"has 612 MB; azure.maxArtifactSize is 500 MB":      "has 612 MB; `azure.maxArtifactSize` is 500 MB",
		"the variables env:A, env:B and C_D differ.":       "the variables `env:A`, `env:B` and `C_D` differ.",
		"it's well-known (really), 12.5% of 3,000":         "it's well-known (really), 12.5% of 3,000",
		"ask @octocat or see www.evil.example | <b x>":     "ask `@octocat` or see `www.evil.example \\x7c \\x3cb x>`",
		"<workspaceRoot>/dist is <b> a < b":                "`‹workspaceRoot›/dist` is `‹b›` a `\\x3c` b",
		"1234567 (deadbeef) of 123456 cafes":               "`1234567 (deadbeef)` of 123456 cafes",
		"two\nlines":                                       "two; lines",
		"www. is no harm, www":                             "`www`. is no harm, `www`",
		"":                                                 "",
	} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q): got %q, want %q", text, got, want)
		}
	}
}
