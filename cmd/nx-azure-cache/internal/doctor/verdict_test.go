package doctor

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The first line says whether the cache works here, and the exit code agrees with it.
func TestDoctorVerdict(t *testing.T) {
	readOnly, readAndCreate := azuretest.Rights{Read: true, List: true}, azuretest.Rights{Read: true, List: true, Create: true}
	const (
		works   = "The remote cache works here."
		exposes = "\n  exposed   other runs "
	)
	for _, test := range []struct {
		name    string
		run     testenv.Env
		rights  azuretest.Rights
		config  string
		change  func(testenv.Env)
		args    []string
		verdict string // the first line; a regular expression
		says    string // in the rest
		code    int
	}{
		{name: "developer who may do everything", run: testenv.DevRun, rights: azuretest.FullRights(),
			verdict: works, says: exposes + "+this run can change what other runs trust in 9 ways, 1 protection is missing \\[1\\]\n(?s:.*)\\[1\\] npx nx-azure-cache doctor --security\n"},
		{name: "developer who may do everything, with --security", run: testenv.DevRun, rights: azuretest.FullRights(), args: []string{"--security"},
			verdict: "This run can change what other runs trust.", says: "\nexposed +create in trusted", code: report.ExitFailed},
		{name: "pull request that may create everywhere", run: testenv.PullRun, rights: readAndCreate,
			verdict: works + ` But this run can change what other runs trust \[1\].`, says: exposes, code: report.ExitFailed},
		{name: "pull request that may create for others", run: testenv.PullRun, rights: azuretest.Rights{Read: true, List: true, Create: true, WriteTo: []string{"*/pr-*"}},
			verdict: works, says: exposes + "+this run can change what other runs read in 1 way \\["},
		{name: "pull request that may only read", run: testenv.PullRun, rights: readOnly,
			verdict: `The remote cache does not work here: create in pr-12, the run's own: refused.* without it nothing is stored \[1\]`, says: "\n  missing +other runs +1 permission is missing \\[2\\]", code: report.ExitFailed},
		{name: "pull request that shall only read", run: testenv.PullRun, rights: readOnly, config: `{"container": "artifacts", "ciMode": "read-only"}`,
			verdict: works, says: "\n  enforced  other runs +this run can change nothing that other runs trust\n"},
		{name: "main", run: testenv.MainRun, rights: azuretest.FullRights(),
			verdict: works, says: "\n  allowed +other runs +this run is trusted, and may change what other runs trust\n"},
		{name: "main that may not overwrite", run: testenv.MainRun, rights: readAndCreate,
			verdict: works + ` Warnings: \[1\].`, says: `\n  warning +overwrite in trusted .* \[1\]\n`},
		{name: "no license", run: testenv.DevRun, rights: azuretest.FullRights(), change: func(e testenv.Env) { e[license.Variable] = "" },
			verdict: `The remote cache does not work here: license: .*no license found.* \[1\]`, says: exposes, code: report.ExitFailed},
		{name: "no remote cache", run: testenv.MainRun, rights: azuretest.FullRights(), config: `{"container": "artifacts", "ciMode": "no-cache"}`,
			verdict: `This run has no remote cache, because its mode is no-cache. Warnings: \[1\].`, says: "remove azure.ciMode in nx.json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("secret"), test.rights)
			if test.config == "" {
				test.config = testenv.PlainConfig
			}
			environment := testenv.LicensedEnv(t, test.run, test.config, storage.SASConnection("secret", "rcwd"))
			if test.change != nil {
				test.change(environment)
			}
			stdout, code, err := doctorCommand(t.Context(), environment, test.args...)
			verdict, rest, _ := strings.Cut(stdout, "\n")
			if err != nil || code != test.code || !regexp.MustCompile("^"+test.verdict+"$").MatchString(verdict) || !regexp.MustCompile(test.says).MatchString(rest) {
				t.Errorf("got %d, %v and %s\nwant %d, %q and %q", code, err, stdout, test.code, test.verdict, test.says)
			}
			if hasRows := strings.Contains(stdout, "the scope of another"); hasRows != (len(test.args) > 0) {
				t.Errorf("only --security shows the rows of the part security: %s", stdout)
			}
			// JSON has every row, the same exit code, and the rows that caused it.
			e := examineWith(t, environment, test.args...)
			fails := slices.ContainsFunc(e.Checks, func(c report.Check) bool { return c.Fails })
			if e.ExitCode != test.code || fails != (test.code == report.ExitFailed) || e.find(t, "trusted.create").Part != report.Security {
				t.Errorf("got %s, want the exit code %d", e.text, test.code)
			}
		})
	}
}

// Every row that can be a problem is created with a fix. The other tests also see all rows
// that occur in them: see doctorCommand.
func TestDoctorRowsHaveFixes(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) < 5 {
				return true
			}
			fix, isLiteral := call.Args[len(call.Args)-1].(*ast.BasicLit)
			for _, arg := range call.Args {
				if selector, ok := arg.(*ast.SelectorExpr); ok {
					arg = selector.Sel // report.Failed
				}
				if name, ok := arg.(*ast.Ident); ok && slices.Contains([]string{"Failed", "Warning", "Exposed", "Missing"}, name.Name) {
					rows++
					if isLiteral && fix.Value == `""` {
						t.Errorf("%s: a row with %s has no fix", file, name.Name)
					}
				}
			}
			return true
		})
	}
	if rows < 15 {
		t.Errorf("found %d rows", rows)
	}
	for step := range stepNames {
		if got := networkFix(step, "HOST", nil); !strings.Contains(got, "HOST") || strings.Contains(got, "%!") {
			t.Errorf("%s: got %q", step, got)
		}
	}
}

// The pages and sections that fixes name exist.
func TestDoctorFixesNameSections(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`docs ?\+ ?"([\w/-]+\.md)(?:#([\w-]+))?`)
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllSubmatch(source, -1) {
			found++
			page, err := os.ReadFile("../../../../docs/" + string(match[1]))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if anchor := string(match[2]); anchor != "" && !slices.Contains(anchors(page), anchor) {
				t.Errorf("%s: %s has no section #%s", file, match[1], anchor)
			}
		}
	}
	if found < 8 {
		t.Errorf("found %d pages", found)
	}
}

// anchors returns the anchors of the headings of a page, as GitHub makes them.
func anchors(page []byte) (all []string) {
	dropped := regexp.MustCompile(`[^\w\- ]`)
	for line := range bytes.Lines(page) {
		if title, ok := bytes.CutPrefix(bytes.TrimLeft(line, "#"), []byte(" ")); ok && line[0] == '#' {
			text := strings.ToLower(strings.TrimSpace(string(title)))
			all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(text, ""), " ", "-"))
		}
	}
	return all
}
