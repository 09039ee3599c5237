package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// hostileNames are names in the record of a pull request.
var hostileNames = []string{
	testenv.Hostile,
	"\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
	"x\n::error::forged\n\t::add-path::/x",
	"::stop-commands::x",
	"##vso[task.setvariable variable=PATH]/x ##[add-path]/x ##teamcity[x]",
	strings.Repeat("long ", 20_000),
	"\xff\xfe\x9b31m",
}

// hostileRecord is the record of a run, with hostile strings wherever a record has any.
func hostileRecord(t *testing.T, session, scope string, ended time.Time, value int) []byte {
	t.Helper()
	var inputs [][]any
	var tasks []map[string]any
	for i, name := range hostileNames {
		var own []int
		for _, input := range []string{
			name, "env:" + name, "runtime:" + name, "npm:" + name, name + ":" + name + "/**/*", name + ":ProjectConfiguration", name + ":TsConfig",
			"workspace:[{workspaceRoot}/" + name + "]", "files:[" + name + "]", "json:" + name + "[" + name + "]", "cwd:" + name, "**/*.js:dist/" + name,
		} {
			own = append(own, len(inputs))
			inputs = append(inputs, []any{input, value})
		}
		outcome := []string{"stored", "not-stored", "failed", name}[i%4]
		tasks = append(tasks,
			map[string]any{"id": fmt.Sprintf("build-%d%s:build", i, name), "hash": fmt.Sprint(1000*value + i), "outcome": "stored", "inputs": own, "reason": name, "lookup": name, "diagnostic": name},
			map[string]any{"id": fmt.Sprintf("test-%d%s:test", i, name), "hash": fmt.Sprint(5000 + i), "outcome": outcome, "inputs": own, "reason": name},
			map[string]any{"id": fmt.Sprintf("lint-%d%s:lint", i, name), "hash": fmt.Sprint(1000*value + 500 + i), "outcome": "stored", "lookup": "damaged", "inputs": own, "reason": name},
			map[string]any{"id": fmt.Sprintf("e2e-%d%s:e2e", i, name), "hash": fmt.Sprint(7000 + i), "outcome": "remote-hit", "from": name},
		)
	}
	tasks = append(tasks, map[string]any{"id": "app:build", "hash": fmt.Sprint(9000 + value), "outcome": "stored", "inputs": []int{len(inputs)}})
	inputs = append(inputs, []any{"app:app/**/*", value})
	name := strings.Join(hostileNames, " ")
	plain, err := json.Marshal(map[string]any{
		"format": runs.Format, "session": session, "started": ended.Add(-time.Second), "ended": ended, "scope": scope, "mode": "read-write", "ci": true,
		"source": map[string]string{"repository": name, "ref": name, "commit": name, "run": "https://ci.example/" + name + "/17"},
		"nx":     name, "tool": name, "os": name, "arch": name, "inputs": inputs, "tasks": tasks, name: name,
	})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoder.EncodeAll(plain, nil)
}

// The records of pull requests and developers, and the names of files in the checkout.
func TestExplainHostileRecords(t *testing.T) {
	cachetest.SkipWithRace(t)
	s := newTestInventory(t)
	now := time.Now().UTC()
	put := func(session, scope string, ended time.Time, value int) {
		body := hostileRecord(t, session, scope, ended, value)
		digest := sha256.Sum256(body)
		s.putBlob(inventoryContainer, runs.Name("team", trust.Scope(scope), ended, session), azuretest.Blob{Body: body, Metadata: map[string][]string{
			"Format": {"1"}, "Length": {fmt.Sprint(len(body))}, "Sha256": {hex.EncodeToString(digest[:])},
		}})
	}
	put("7-pull", "pr-7", now.Add(-time.Hour), 1)
	put("8-local", "local", now.Add(-2*time.Hour), 2)
	root, cacheDirectory := hostileCheckout(t), t.TempDir()
	last := scratch.FolderPath(cacheDirectory, runs.LocalName)
	if err := os.MkdirAll(filepath.Dir(last), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, hostileRecord(t, "9-last", "local", now, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = testenv.Tell(t, s.env, func(document map[string]any) {
		document["workspaceRoot"], document["cacheDirectory"] = root, cacheDirectory
	})
	for _, args := range [][]string{
		{"explain"}, {"explain", "*:e2e"}, {"explain", "--run", "7-pull"}, {"explain", "--run", "17"}, {"explain", "--run", "8-local"},
		{"explain", "--run", hostileNames[0]}, {"explain", hostileNames[2] + ":build"},
	} {
		for _, format := range [][]string{nil, {"--json"}} {
			stdout, stderr, err := s.run(append(args, format...)...)
			said := stdout + stderr + reported(err)
			if len(args) == 1 && (err != nil || len(stdout) < 1000) {
				t.Errorf("%q: got %q, %v, want explained misses", args, said, err)
			}
			if len(args) == 1 && !strings.Contains(said, ".ts") {
				t.Errorf("got %q, want the names of files", said)
			}
			checkHarmless(t, said)
			if format != nil && err == nil {
				checkStrings(t, stdout)
			}
		}
	}
}

// hostileCheckout is a repository whose project "app" has files with hostile names that git
// has not committed.
func hostileCheckout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Skip("this system has no such names:", err)
		}
	}
	write(".nx/workspace-data/project-graph.json", `{"nodes": {"app": {"data": {"root": "app"}}}}`)
	for i, name := range hostileNames {
		name = strings.ReplaceAll(name, "/", "-")
		write(fmt.Sprintf("app/%d%s.ts", i, name[:min(len(name), 200)]), "")
	}
	testenv.Git(t, root, "init", "--quiet")
	testenv.Git(t, root, "commit", "--quiet", "--allow-empty", "--message", "x")
	return root
}

// ciCommands match what GitHub, Azure Pipelines and TeamCity execute in a log.
var ciCommands = regexp.MustCompile(`(?m)^\s*::|##[\w.-]*\[`)

// checkHarmless fails if output controls a terminal or a CI, or has an endless line.
func checkHarmless(t *testing.T, text string) {
	t.Helper()
	testenv.CheckShown(t, text)
	if found := ciCommands.FindString(text); found != "" {
		t.Errorf("got %q, which a CI executes: %q", text, found)
	}
	for line := range strings.Lines(text) {
		if len(line) > 8<<10 {
			t.Errorf("got a line of %d bytes: %.200q", len(line), line)
		}
	}
}

// checkStrings checks the strings in JSON, because people print them. Paths of files are for
// programs.
func checkStrings(t *testing.T, text string) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			delete(value, "files")
			for _, member := range value {
				walk(member)
			}
		case []any:
			for _, item := range value {
				walk(item)
			}
		case string:
			testenv.CheckShown(t, value)
			if strings.ContainsAny(value, "\n\t") {
				t.Errorf("got the string %q, want one line", value)
			}
		}
	}
	walk(value)
}
