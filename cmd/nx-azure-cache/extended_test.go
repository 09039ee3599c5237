package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// circleRun is a run of a CI that does not report protected branches.
func circleRun(branch string) testenv.Env {
	return testenv.Env{"CIRCLECI": "true", "CIRCLE_BRANCH": branch}
}

// A pull request can change a file that nx.json extends, and keep the hashes of main.
func TestExtended(t *testing.T) {
	both := []string{config.AzureKey, config.DefaultBaseKey}
	ignored := func(key string) string {
		return "azure.trust." + key + " is ignored because it comes from a file that nx.json extends, and task hashes do not cover that file"
	}
	const ignoredBase = "for the trusted branches, defaultBase is ignored"
	for name, test := range map[string]struct {
		block, defaultBase string
		extended           []string
		run                testenv.Env
		scope              string
		warnings           []string
	}{
		"branches":                       {`{"branches": ["**"]}`, "", both, circleRun("feature"), "branch-feature", []string{ignored("branches")}},
		"branches of nx.json itself":     {`{"branches": ["**"]}`, "", []string{config.DefaultBaseKey}, circleRun("feature"), "trusted", nil},
		"no branches":                    {`{"branches": null}`, "", both, circleRun("main"), "trusted", nil},
		"fewer branches":                 {`{"branches": ["trunk"]}`, "", both, circleRun("main"), "trusted", []string{ignored("branches")}},
		"branches of the wrong type":     {`{"branches": 5}`, "", both, circleRun("main"), "trusted", []string{ignored("branches")}},
		"isolation":                      {`{"isolation": "none"}`, "", both, circleRun("feature"), "branch-feature", []string{ignored("isolation")}},
		"isolation of nx.json itself":    {`{"isolation": "none"}`, "", nil, circleRun("feature"), "shared", []string{"CVE-2025-36852"}},
		"the default isolation":          {`{"isolation": " branch "}`, "", both, circleRun("feature"), "branch-feature", nil},
		"an empty isolation":             {`{"isolation": ""}`, "", both, circleRun("feature"), "branch-feature", nil},
		"repositories":                   {`{"repositories": ["acme/shop"]}`, "", both, circleRun("main"), "trusted", []string{ignored("repositories")}},
		"repositories of nx.json itself": {`{"repositories": ["acme/shop"]}`, "", nil, circleRun("main"), "readonly-main", []string{"lists trusted repositories, but CIRCLE_PROJECT_REPONAME is not set"}},
		"both":                           {`{"isolation": "none", "branches": ["**"]}`, "", both, circleRun("feature"), "branch-feature", []string{ignored("branches"), ignored("isolation")}},
		"defaultBase":                    {`{}`, "feature", both, circleRun("feature"), "branch-feature", []string{ignoredBase}},
		"defaultBase of nx.json itself":  {`{}`, "feature", []string{config.AzureKey}, circleRun("feature"), "trusted", nil},
		"a defaultBase that trusts less": {`{}`, "trunk", both, circleRun("main"), "trusted", []string{ignoredBase}},
		"defaultBase, another branch":    {`{}`, "trunk", both, circleRun("feature"), "branch-feature", nil},
		"a defaultBase without effect":   {`{}`, "main", both, circleRun("main"), "trusted", nil},
		"defaultBase beside branches":    {`{"branches": ["main"]}`, "feature", []string{config.DefaultBaseKey}, circleRun("feature"), "branch-feature", nil},
		"containers":                     {`{"containers": {"branch": "other"}}`, "", both, circleRun("feature"), "branch-feature", nil},
		"an unknown extended key":        {`{}`, "", []string{"plugins"}, circleRun("feature"), "branch-feature", nil},
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.With(test.run, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")})
			params := rpc.InitializeParams{Config: testenv.TrustConfig(test.block), CI: true, DefaultBase: test.defaultBase, Extended: test.extended, WorkspaceRoot: t.TempDir()}
			session := openSession(params, environment.Get, testenv.During)
			checkWarnings(t, stringsOf(session), test.warnings)
			if session.Scope != test.scope {
				t.Errorf("got the scope %q (%s), want %s", session.Scope, session.ScopeReason, test.scope)
			}
			document := config.Document{CI: true, DefaultBase: test.defaultBase, Extended: test.extended, Config: params.Config}
			checkCommand(t, document, environment, test.scope, test.warnings)
		})
	}
}

// checkCommand checks that commands come to the same result.
func checkCommand(t *testing.T, document config.Document, environment testenv.Env, scope string, warnings []string) {
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	environment = maps.Clone(environment)
	environment[config.WorkspaceVariable] = string(text)
	where := config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }})
	if where.Problem != nil {
		t.Fatal(where.Problem)
	}
	if string(where.Policy.Scope) != scope {
		t.Errorf("got the scope %s, want %s", where.Policy.Scope, scope)
	}
	checkWarnings(t, diagnostic.Strings(append(where.Warnings, where.Policy.Warnings...)), warnings)
}

func checkWarnings(t *testing.T, got, want []string) {
	if len(got) != len(want) {
		t.Fatalf("got the warnings %q, want %q", got, want)
	}
	for i, part := range want {
		if !strings.Contains(got[i], part) {
			t.Errorf("got the warning %q, want %q", got[i], part)
		}
		testenv.CheckLine(t, got[i])
	}
}
