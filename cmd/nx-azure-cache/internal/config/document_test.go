package config

import (
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// Without Nx, the binary decides as Nx does whether this is CI.
func TestIsCI(t *testing.T) {
	for name, test := range map[string]struct {
		environment testenv.Env
		want        bool
	}{
		"nothing":   {testenv.Env{}, false},
		"CI":        {testenv.Env{"CI": "1"}, true},
		"no CI":     {testenv.Env{"CI": "false", "GITHUB_ACTIONS": "true"}, false},
		"GitHub":    {testenv.Env{"GITHUB_ACTIONS": "true"}, true},
		"GitLab":    {testenv.Env{"GITLAB_CI": "true"}, true},
		"Jenkins":   {testenv.Env{"JENKINS_URL": "https://ci.example"}, true},
		"Azure":     {testenv.Env{"TF_BUILD": "True"}, true},
		"other CIs": {testenv.Env{"GITHUB_ACTIONS": "false", "BUILDKITE": ""}, false},
	} {
		if got := IsCI(test.environment.Get); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
