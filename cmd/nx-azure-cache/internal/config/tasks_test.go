package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestTasks(t *testing.T) {
	for name, test := range map[string]struct {
		keys    string
		in, out string // tasks: PROJECT TARGET [CONFIGURATION], with "|" between them
	}{
		"a target":                      {`"include": ["build"]`, "shop build|api build|shop build production", "shop test|shop build-all|shop rebuild|build test"},
		"targets":                       {`"include": ["build", "test"]`, "shop build|shop test", "shop lint"},
		"a pattern of targets":          {`"include": ["e2e-*"]`, "shop e2e-ci|shop e2e-ci--src/[id].test.ts|shop e2e-", "shop e2e|e2e-app build|x-e2e-y x-e2e-y"},
		"a task":                        {`"include": ["shop:build"]`, "shop build|shop build production", "api build|shop test|shop-a build|x shop"},
		"a pattern of tasks":            {`"include": ["shop-*:*"]`, "shop-a build|shop-b test ci", "shop build|api shop-a"},
		"a project with a scope":        {`"include": ["@acme/*:build"]`, "@acme/shop build|@acme/a/b build", "acme build|@other/shop build"},
		"a configuration":               {`"include": ["shop:build:production"]`, "shop build production", "shop build|shop build staging|shop test production"},
		"any task with a configuration": {`"include": ["*:*:production"]`, "shop build production|api test production", "shop build|api test ci"},
		"not a target":                  {`"exclude": ["deploy"]`, "shop build|deploy build|shop deploy-all", "shop deploy|shop deploy production"},
		"not a pattern":                 {`"exclude": ["*e2e*"]`, "shop build|e2e build", "shop e2e|shop e2e-ci|shop my-e2e"},
		"not a task":                    {`"exclude": ["shop:build"]`, "api build|shop test", "shop build|shop build production"},
		"some of them":                  {`"include": ["build", "test"], "exclude": ["secret:*", "*:*:production"]`, "shop build|shop test ci", "shop lint|secret build|shop build production"},
		"all of them":                   {`"include": ["*"], "exclude": ["build"]`, "shop test", "shop build"},
		"included and excluded":         {`"include": ["build"], "exclude": ["build"]`, "", "shop build|shop test"},
		"a target with a colon":         {`"exclude": ["build:ci"]`, "shop build|build test|shop build ci", "shop build:ci|build ci"},
		"all of a project with colons":  {`"exclude": ["shop:*"]`, "api build:ci", "shop build|shop build:ci|shop a:b:c ci"},
		"letters of expressions":        {`"include": ["a.b", "(x)", "c+", "^d$"]`, "p a.b|p (x)|p c+|p ^d$", "p axb|p x|p cc|p d"},
		"white space around them":       {`"include": [" build ", ""]`, "shop build", "shop test"},
		"an empty list":                 {`"include": ["build"], "exclude": []`, "shop build", "shop test"},
		"null":                          {`"include": ["build"], "exclude": null`, "shop build", "shop test"},
		"a line break in the names":     {`"exclude": ["a*b"]`, "p b", "p a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := ReadSettings(json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", `+test.keys+`}`), false, testenv.Env{}.Get)
			if err != nil {
				t.Fatal(err)
			}
			includes := s.Tasks.Func()
			for want, tasks := range map[bool]string{true: test.in, false: test.out} {
				for text := range strings.SplitSeq(tasks, "|") {
					if text == "" {
						continue
					}
					parts := append(strings.Split(text, " "), "")
					task := taskfilter.Task{Project: parts[0], Target: parts[1], Configuration: parts[2]}
					if got := includes(task); got != want {
						t.Errorf("%+v: got %t, want %t", task, got, want)
					}
				}
			}
		})
	}
}

// If the settings name no tasks, the client need not send them.
func TestAllTasks(t *testing.T) {
	for _, keys := range []string{`"exclude": []`, `"exclude": null, "include": null`, `"exclude": ["", " "]`} {
		s, _, err := ReadSettings(json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", `+keys+`}`), false, testenv.Env{}.Get)
		if err != nil || s.Tasks.Func() != nil {
			t.Errorf("%s: got %v and a filter, want none", keys, err)
		}
	}
}

// An invalid pattern would match nothing, and so cache what it should exclude.
func TestWrongPatterns(t *testing.T) {
	for _, pattern := range []string{"{build,test}", "build,test", "!build", "buil?", "b[u]ild", "build test", "shop:", "a\nb", `a\*`, "x=y"} {
		for _, key := range []string{"include", "exclude"} {
			config, err := json.Marshal(map[string]any{"container": "artifacts", "accountName": "nxcache", key: []string{"lint", pattern}})
			if err != nil {
				t.Fatal(err)
			}
			_, _, mistake := ReadSettings(config, false, testenv.Env{}.Get)
			lines := problemsOf(mistake)
			if want := fmt.Sprintf("azure.%s in nx.json has %s at 2; allowed are a target, PROJECT:TARGET", key, Shown(pattern)); len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
				t.Errorf("%q: got %q, want %q", pattern, lines, want)
			}
		}
	}
	for keys, want := range map[string]string{
		`"include": []`:              "azure.include in nx.json is empty: nothing would be cached",
		`"include": [" "]`:           "azure.include in nx.json is empty",
		`"include": "build"`:         "azure.include in nx.json must be an array of strings",
		`"exclude": {"build": true}`: "azure.exclude in nx.json must be an array of strings",
		`"exclude": ["build", 1]`:    "azure.exclude in nx.json must be an array of strings",
	} {
		_, _, mistake := ReadSettings(json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", `+keys+`}`), false, testenv.Env{}.Get)
		if lines := problemsOf(mistake); len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
			t.Errorf("%s: got %q, want %q", keys, lines, want)
		}
	}
}

func TestMaxArtifactSize(t *testing.T) {
	const azures = 5000 << 20
	for value, want := range map[string]cache.Size{
		`"500MB"`: 500e6, `" 2 GiB "`: 2 << 30, `1`: 1, `1e6`: 1e6, `1000.0`: 1000,
		`""`: azures, `" "`: azures, `"9GB"`: azures, `1e300`: azures, `"1KB"`: 1000,
	} {
		s, _, err := ReadSettings(json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "maxArtifactSize": `+value+`}`), false, testenv.Env{}.Get)
		if err != nil || s.MaxArtifactSize != want {
			t.Errorf("%s: got %v and %v, want %v", value, s.MaxArtifactSize, err, want)
		}
	}
	for value, seen := range map[string]string{
		`"500"`: `"500"`, `"500mb"`: `"500mb"`, `"0GB"`: `"0GB"`, `0`: "0", `-1`: "-1", `1.5`: "1.5", `"1TB"`: `"1TB"`,
		`true`: "neither a string nor a number", `null`: "neither a string nor a number", `["1GB"]`: "neither a string nor a number", `{}`: "neither a string nor a number",
		`"AccountKey=x"`: "a string of 12 characters",
	} {
		_, _, err := ReadSettings(json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "maxArtifactSize": `+value+`}`), false, testenv.Env{}.Get)
		want := "azure.maxArtifactSize in nx.json is " + seen + `; allowed are sizes such as "500MB"`
		if lines := problemsOf(err); len(lines) != 1 || !strings.HasPrefix(lines[0], want) {
			t.Errorf("%s: got %q, want %q", value, lines, want)
		}
	}
}
