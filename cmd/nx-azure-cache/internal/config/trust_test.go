package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestTrustSettings(t *testing.T) {
	s, warnings, err := ReadSettings(testenv.TrustConfig(`{"branches": [" main ", "release/*"], "isolation": "branch", "publicKeys": ["`+testenv.GoldenKey+`"],
		"revokedKeys": ["0123456789abcdef"], "containers": {"trusted": "releases", "local": "developers"}}`), true, testenv.Env{}.Get)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	got := s.Trust
	if got.Shared || !slices.Equal(got.branches, []string{"main", "release/*"}) || len(got.Keys) != 1 || got.Keys[0].String() != testenv.GoldenKey || !got.Verifier.Trusts(got.Keys[0]) {
		t.Errorf("got %+v", got)
	}
	for scope, want := range map[trust.Scope]string{
		trust.Trusted: "releases", trust.Local: "developers", trust.PullRequest("1"): "artifacts", trust.Branch("trusted"): "artifacts",
	} {
		if got := s.ContainerOf(scope); got != want {
			t.Errorf("%s is in %s, want %s", scope, got, want)
		}
	}
	for _, block := range []string{"null", "{}", `{"isolation": "", "branches": null, "publicKeys": [], "containers": {}}`} {
		s, warnings, err := ReadSettings(testenv.TrustConfig(block), true, testenv.Env{}.Get)
		if err != nil || len(warnings) > 0 || s.Trust.Shared || s.Trust.branches != nil || s.Trust.Verifier != nil || s.Trust.containers != nil {
			t.Errorf("%s: got %+v, %q, %v, want nothing set", block, s.Trust, warnings, err)
		}
	}
}

func TestTrustProblems(t *testing.T) {
	private := strings.Split(string(testenv.NewSigningKey(t).PEM()), "\n")[1]
	for block, want := range map[string]string{
		`5`: `azure.trust in nx.json must be an object`,
		`{"repositories": ["acme/shop", "https://github.com/acme/shop"]}`:     `azure.trust.repositories in nx.json has "https://github.com/acme/shop" at 2; a repository is OWNER/NAME as the CI reports it, without host or wildcards, such as acme/shop`,
		`{"repositories": "acme/shop"}`:                                       `azure.trust.repositories in nx.json must be an array of strings`,
		`{"isolation": "off"}`:                                                `azure.trust.isolation in nx.json is "off"; allowed are branch and none`,
		`{"isolation": true}`:                                                 `azure.trust.isolation in nx.json must be a string`,
		`{"branches": "main"}`:                                                `azure.trust.branches in nx.json must be an array of strings`,
		`{"branches": ["main", 5]}`:                                           `azure.trust.branches in nx.json must be an array of strings`,
		`{"branches": ["main", "["]}`:                                         `azure.trust.branches in nx.json has "[" at 2; a branch is a name or a pattern`,
		`{"publicKeys": "x"}`:                                                 `azure.trust.publicKeys in nx.json must be an array of strings`,
		`{"publicKeys": ["` + testenv.GoldenKey + `", "x"]}`:                  `azure.trust.publicKeys in nx.json has an unusable key at 2: it is not the base64 of a public key`,
		`{"publicKeys": ["` + private + `"]}`:                                 `has an unusable key at 1: it is a private key`,
		`{"revokedKeys": ["abc"]}`:                                            `azure.trust.revokedKeys in nx.json cannot be used`,
		`{"revokedKeys": ["0123456789abcdef"]}`:                               `azure.trust.publicKeys in nx.json is missing beside azure.trust.revokedKeys`,
		`{"publicKeys": [], "revokedKeys": ["` + testenv.GoldenKey + `"]}`:    `azure.trust.publicKeys in nx.json is missing beside azure.trust.revokedKeys`,
		`{"containers": []}`:                                                  `azure.trust.containers in nx.json must be an object`,
		`{"containers": {"main": "x"}}`:                                       `has an unknown scope, which is "main"; allowed are trusted, pr, branch and local`,
		`{"containers": {"pr": 5}}`:                                           `must have a string at pr`,
		`{"containers": {"pr": "X"}}`:                                         `has an invalid name at pr, which is "X"; a container name has`,
		`{"isolation": "none", "publicKeys": ["` + testenv.GoldenKey + `"]}`:  `azure.trust.publicKeys in nx.json has no effect`,
		`{"isolation": "x", "branches": 5, "publicKeys": 5, "containers": 5}`: `azure.trust.branches in nx.json must be an array of strings; azure.trust.containers`,
	} {
		_, _, err := ReadSettings(testenv.TrustConfig(block), true, testenv.Env{}.Get)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\n", "; "), want) {
			t.Errorf("%s: got %v, want %q", block, err, want)
		} else if strings.Contains(err.Error(), private) {
			t.Errorf("%v repeats a private key", err)
		}
	}
	for block, want := range map[string]string{
		`{"branch": ["main"]}`:                        `unknown key "trust.branch", which is ignored; did you mean branches?`,
		`{"isolation": "none", "branches": ["main"]}`: `azure.trust.branches, azure.trust.repositories and azure.trust.containers in nx.json have no effect`,
	} {
		_, warnings, err := ReadSettings(testenv.TrustConfig(block), true, testenv.Env{}.Get)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].Text, want) {
			t.Errorf("%s: got %q, %v, want %q", block, warnings, err, want)
		}
	}
}
