package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// People look for our messages in docs/troubleshooting.md. So the page may quote only
// strings of the source, and must quote every message for people.

// lines are the packages with lines for people, and the files to skip: commands, which
// have a help, and output for a log or another program.
var lines = map[string]*regexp.Regexp{
	".":                           regexp.MustCompile(`^(config|doctor|drain|evict|explain|inspect|keys|license.*|ls|main|selectionflags|serve|version)\.go$`),
	"internal/claims":             nil,
	"internal/config":             nil,
	"internal/entries":            regexp.MustCompile(`^(evict|inspect|list|progress|records|selection|show)\.go$`),
	"internal/recording":          nil,
	"../../cache":                 nil,
	"../../cache/archive":         nil,
	"../../cache/archive/frames":  nil,
	"../../cache/archive/tree":    nil,
	"../../cache/azure":           nil,
	"../../cache/azure/download":  nil,
	"../../cache/azure/endpoint":  nil,
	"../../cache/azure/explain":   nil,
	"../../cache/azure/transport": nil,
	"../../cache/azure/signin":    regexp.MustCompile(`^tools_.*\.go$`), // the command lines of tools
	"../../cache/directory":       nil,
	"../../cache/diskspace":       nil,
	"../../cache/fileerror":       nil,
	"../../cache/scratch":         nil,
	"../../cache/snapshot":        nil,
	"../../cache/taskhash":        nil,
	"../../cache/trust":           nil,
	"../../cache/verification":    nil,
	"../../license":               regexp.MustCompile(`^issuers\.go$`),
}

// quoted matches a quote of one of our strings. Quotes are in the first column of a table, or
// at the beginning of a list item, whose lines are joined before.
var (
	firstColumn = regexp.MustCompile("(?m)^\\| (`.*?`) \\|")
	firstInItem = regexp.MustCompile("(?m)^- ((?:``.*?``|`[^`]*`)(?:, (?:``.*?``|`[^`]*`))*)")
	quoted      = regexp.MustCompile("``.*?``|`[^`]*`")
)

const troubleshooting = "../../docs/troubleshooting.md"

func quotes(t *testing.T) (all []string) {
	page, err := os.ReadFile(troubleshooting)
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ = bytes.Cut(page, []byte("## How to read a line")) // lists before it quote settings
	joined := bytes.ReplaceAll(page, []byte("\n  "), []byte(" "))
	for _, found := range append(firstColumn.FindAllSubmatch(joined, -1), firstInItem.FindAllSubmatch(joined, -1)...) {
		for _, quote := range quoted.FindAll(found[1], -1) {
			all = append(all, plain(string(quote)))
		}
	}
	if len(all) < 300 {
		t.Fatalf("found %d quotes", len(all))
	}
	return all
}

// plain returns text with one space between words, without characters that Markdown
// cannot show in code.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "`", "")), " ")
}

func TestTroubleshootingQuotesTheSource(t *testing.T) {
	source := strings.Join(append(goStrings(t), jsMessages(t)...), "\n")
	for _, quote := range quotes(t) {
		for part := range strings.SplitSeq(quote, "…") {
			if part = strings.TrimSpace(part); !strings.Contains(source, part) {
				t.Errorf("nothing prints %q, of %q", part, quote)
			}
		}
	}
}

// goStrings returns all strings in the Go source, with constants joined.
func goStrings(t *testing.T) (all []string) {
	err := filepath.WalkDir("../..", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			walk(t, file, func(node ast.Node) {
				if text, ok := constant(node); ok {
					all = append(all, blank(text))
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func walk(t *testing.T, file string, visit func(ast.Node)) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		if _, isImport := node.(*ast.ImportSpec); isImport {
			return false
		}
		if node != nil {
			visit(node)
		}
		return true
	})
}

// constant returns the value of a string literal, or of several joined with "+".
func constant(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(node.Value)
		return text, node.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, isLeft := constant(node.X)
		right, isRight := constant(node.Y)
		return left + right, isLeft && isRight && node.Op == token.ADD
	default:
		return "", false
	}
}

// verbs matches the placeholders of a string.
var verbs = regexp.MustCompile(`%[-+#.0-9]*[a-zA-Z]|\$\{(?:[^{}]|\{[^{}]*\})*\}`)

// blank returns a string of the source in the form in which the page quotes it.
func blank(text string) string {
	const percent = "\x00"
	text = verbs.ReplaceAllString(strings.ReplaceAll(text, "%%", percent), "…")
	return plain(strings.ReplaceAll(text, percent, "%"))
}

const npmFolder = "../../npm/nx-azure-cache"

// scripts are the files of the npm package.
func scripts(t *testing.T, patterns ...string) (files []string) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(npmFolder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, ".test.js") })
}

func jsMessages(t *testing.T) (all []string) {
	for _, file := range scripts(t, "schema.json", "*.js", "bin/*.js", "lib/*.js", "lib/*/*.js", "generators/*/*.js") {
		for _, text := range jsStrings(t, file) {
			all = append(all, blank(text))
		}
	}
	return all
}

// jsTokens matches the tokens of JavaScript that may contain quotes: comments, regular
// expressions, and the three kinds of strings.
var jsTokens = regexp.MustCompile(strings.Join([]string{
	`//.*`,
	`(?s:/\*.*?\*/)`,
	`[(,=:\[!&|?{};]\s*/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/`,
	`'(?:[^'\\\n]|\\.)*'`,
	`"(?:[^"\\\n]|\\.)*"`,
	"`(?:[^`\\\\$]|\\\\.|\\$\\{(?:[^{}`]|`[^`]*`|\\{[^}]*\\})*\\}|\\$)*`",
}, "|"))

// sums matches the operator between two strings that are joined.
var sums = regexp.MustCompile(`^\s*\+\s*$`)

// jsStrings returns the strings in a script. It joins strings with "+" between them.
func jsStrings(t *testing.T, file string) (found []string) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, end := string(source), -1
	for _, at := range jsTokens.FindAllStringIndex(text, -1) {
		literal := text[at[0]:at[1]]
		if !strings.ContainsAny(literal[:1], "'\"`") {
			continue
		}
		literal = strings.NewReplacer(`\'`, "'", `\"`, `"`).Replace(literal[1 : len(literal)-1])
		if end >= 0 && sums.MatchString(text[end:at[0]]) {
			found[len(found)-1] += literal
		} else {
			found = append(found, literal)
		}
		end = at[1]
	}
	return found
}

// unspoken matches strings that are not messages, or that users never see.
var unspoken = []string{
	// Flags and their help.
	"the blob endpoint, instead of the one in nx.json",
	"the container of all scopes, instead of those in nx.json",
	"the prefix, instead of the one in nx.json",
	"the storage account, instead of the one in nx.json",
	"The container is the one in nx.json: run this with npx in the workspace. Elsewhere, name it with --container, and the account with --account-name or --endpoint unless",
	"is set. The credential is that variable or the sign-in of this machine (az login). No license is needed.",
	// Input, not output.
	"2006-01-02 15:04 UTC",
	"azd auth login",
	`\s*(Trace ID|Correlation ID|Timestamp): [0-9A-Za-z:. -]+?(Z|[0-9a-f]{12})`,
	`\s*To troubleshoot, visit https://\S+`,
	// Errors that our requests cannot cause.
	"read after Close",
	"the request is over",
	"the file system has no locks", // continues without
	"Cannot find module 'nx/",
	// Log lines that are not problems.
	"its task has failed",
	"treated as a miss, to verify it (…)",
	"it is not a file",
	"it is not a regular file",
	"was removed before it was stored (…)",
	"…: the exit code is …",
	"…: another run of Nx is making it in this workspace, too",
	// The summary line.
	"1 result …",
	"… s waited",
	// doctor.
	"…, certificate issued by …, valid until …",
	"… from Azure, request …",
	// Text around other messages, or in their place.
	"the proxy responded with",
	"something else responded in place of Azure",
	"the account key",
	"the token of",
	"of Azure Storage", // doctor: the host that receives the token
	"on this machine",
	"token host",
	"app … (object …)",
	"… (object …)",
}

// talks matches the generators with messages for people.
var talks = regexp.MustCompile(`^(generator|prompt|old-.*|conflicts|credential|ci|next-steps)\.js$`)

func TestTroubleshootingHasEveryLine(t *testing.T) {
	page := strings.Join(quotes(t), "\n")
	for folder, excluded := range lines {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			if name := filepath.Base(file); strings.HasSuffix(name, "_test.go") || excluded != nil && excluded.MatchString(name) {
				continue
			}
			isSaid(t, page, file, said(t, file))
		}
	}
	for _, file := range scripts(t, "lib/binary.js", "lib/client.js", "lib/drain.js", "lib/file-error.js", "index.js", "lib/pending.js", "lib/reason.js", "lib/run.js", "lib/server.js", "lib/session.js", "lib/snapshot.js", "lib/tasks.js", "lib/workspace.js", "bin/*.js", "generators/*/*.js") {
		if talks.MatchString(filepath.Base(file)) {
			continue
		}
		isSaid(t, page, file, sentences(jsStrings(t, file)))
	}
}

func isSaid(t *testing.T, page, file string, all []string) {
	for _, text := range all {
		if !strings.Contains(page, longestPart(text)) && !slices.Contains(unspoken, text) {
			t.Errorf("%s prints %q, which docs/troubleshooting.md does not contain", file, text)
		}
	}
}

// sentences returns the strings of three words or more.
func sentences(all []string) (long []string) {
	for _, text := range all {
		if text = blank(text); strings.Count(text, " ") >= 2 {
			long = append(long, text)
		}
	}
	return long
}

// said returns the sentences in a file.
func said(t *testing.T, file string) (all []string) {
	seen := make(map[ast.Node]bool)
	walk(t, file, func(node ast.Node) {
		if seen[node] {
			return
		}
		text, ok := constant(node)
		if !ok {
			return
		}
		if sum, isSum := node.(*ast.BinaryExpr); isSum {
			ast.Inspect(sum, func(part ast.Node) bool { seen[part] = true; return true })
		}
		all = append(all, text)
	})
	return sentences(all)
}

// longestPart returns the longest constant part of a string.
func longestPart(text string) string {
	parts := strings.Split(text, "…")
	longest := slices.MaxFunc(parts, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	return strings.Trim(longest, " .,:;()")
}
