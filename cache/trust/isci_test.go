package trust

import "testing"

// Without Nx, the binary decides as Nx does whether this is CI.
func TestIsCI(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        bool
	}{
		"nothing":   {map[string]string{}, false},
		"CI":        {map[string]string{"CI": "1"}, true},
		"no CI":     {map[string]string{"CI": "false", "GITHUB_ACTIONS": "true"}, false},
		"GitHub":    {map[string]string{"GITHUB_ACTIONS": "true"}, true},
		"GitLab":    {map[string]string{"GITLAB_CI": "true"}, true},
		"Jenkins":   {map[string]string{"JENKINS_URL": "https://ci.example"}, true},
		"Azure":     {map[string]string{"TF_BUILD": "True"}, true},
		"other CIs": {map[string]string{"GITHUB_ACTIONS": "false", "BUILDKITE": ""}, false},
	} {
		if got := IsCI(func(name string) string { return test.environment[name] }); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
