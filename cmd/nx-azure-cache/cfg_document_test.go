package main

import "testing"

// Nx decides whether this is CI; who runs the binary without it gets the same.
func TestIsCI(t *testing.T) {
	for name, test := range map[string]struct {
		environment env
		want        bool
	}{
		"nothing":   {env{}, false},
		"CI":        {env{"CI": "1"}, true},
		"no CI":     {env{"CI": "false", "GITHUB_ACTIONS": "true"}, false},
		"GitHub":    {env{"GITHUB_ACTIONS": "true"}, true},
		"GitLab":    {env{"GITLAB_CI": "true"}, true},
		"Jenkins":   {env{"JENKINS_URL": "https://ci.example"}, true},
		"Azure":     {env{"TF_BUILD": "True"}, true},
		"of others": {env{"GITHUB_ACTIONS": "false", "BUILDKITE": ""}, false},
	} {
		if got := isCI(test.environment.get); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
